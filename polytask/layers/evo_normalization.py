"""Normalization and activation in one, found by search."""

from typing import Any

from keras import ops

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer
from polytask.layers._moments import counted, counted_moments


@polytask_export("polytask.layers.EvoNormalization")
class EvoNormalization(ConfiguredLayer):
    """y = γ x sigmoid(ν x) / √(σ² + ε) + β: EvoNorm-S0, which depends on no batch.

    σ² is the variance of a row over the positions and channels of a group of channels.
    The activation is inside: put none behind.

    Args:
        groups: Number of groups, a divisor of the channels. Default: 8.
        epsilon: ε, above 0. Default: 1e-5.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If a number is out of range, or, when the layer is built, the groups
            do not divide the channels, or leave a group a single value.

    Source:
        Liu, Brock, Simonyan and Le, "Evolving Normalization-Activation Layers", NeurIPS
        2020.

    Example:
        >>> import keras
        >>> EvoNormalization(groups=2)(keras.Input((8, 8, 4))).shape
        (None, 8, 8, 4)
    """

    def __init__(self, groups: int = 8, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.groups = checked_count(groups, "groups", "EvoNormalization")
        self.epsilon = checked_number(epsilon, "epsilon", "EvoNormalization", above=0.0)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make γ, β and ν."""
        channels = input_shape[-1]
        if channels % self.groups:
            raise UserError(
                f'EvoNormalization "{self.name}": groups must divide the channels; '
                f"found {self.groups} groups of {channels} channels."
            )
        if len(input_shape) == 2 and channels == self.groups:
            raise UserError(
                f'EvoNormalization "{self.name}": a group of one channel of a table is '
                "a single value, which has no variance; use fewer groups."
            )
        shape = (channels,)
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")
        self.nu = self.add_weight(name="nu", shape=shape, initializer="ones")

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the normalized and activated features."""
        x = ops.cast(inputs, "float32")
        gamma, beta, nu = (
            ops.cast(v, "float32") for v in (self.gamma, self.beta, self.nu)
        )
        rows, channels = ops.shape(x)[0], x.shape[-1]
        grouped = ops.reshape(x, (rows, -1, self.groups, channels // self.groups))
        weights = ops.reshape(counted(x, mask), (rows, -1, 1, 1))
        _, variance = counted_moments(grouped, weights, (1, 3))
        factor = ops.rsqrt(variance + self.epsilon) * ops.ones_like(grouped[:, :1])
        shape = (rows, *[1] * (len(x.shape) - 2), channels)
        y = x * ops.sigmoid(nu * x) * ops.reshape(factor, shape)
        return ops.cast(gamma * y + beta, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the input."""
        return input_shape
