"""Normalization of each channel of each row by its own size."""

from typing import Any

import keras
from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer
from polytask.layers._moments import counted


@polytask_export("polytask.layers.FilterResponseNormalization")
class FilterResponseNormalization(ConfiguredLayer):
    """y = max(γ x/√(ν² + ε) + β, τ), with ν² the mean square over a row's positions.

    No row depends on another, so that the batch and the mixture of tasks in it do not
    matter. The threshold τ is learned, one a channel, and takes the place of the
    activation: put none behind. Masked steps count in no mean.

    Args:
        epsilon: ε, above 0. Default: 1e-6. Maps of a single position have ν² = x², for
            which the paper learns it.
        learn_epsilon: Whether ε + |e| with a learned e is used. Default: False.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If epsilon is not above 0, or, when the layer is built, the input has
            no positions between rows and channels.

    Source:
        Singh and Krishnan, "Filter Response Normalization Layer: Eliminating Batch
        Dependence in the Training of Deep Neural Networks", CVPR 2020.

    Example:
        >>> FilterResponseNormalization()(keras.Input((8, 8, 4))).shape
        (None, 8, 8, 4)
    """

    def __init__(
        self, epsilon: float = 1e-6, learn_epsilon: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = checked_number(
            epsilon, "epsilon", "FilterResponseNormalization", above=0.0
        )
        self.learn_epsilon = bool(learn_epsilon)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make γ, β, τ and e."""
        if len(input_shape) < 3:
            raise UserError(
                f'FilterResponseNormalization "{self.name}" takes its mean over '
                "positions: the input must be (rows, ..., channels) with at least "
                f"three axes; found {tuple(input_shape)}."
            )
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")
        self.tau = self.add_weight(name="tau", shape=shape, initializer="zeros")
        self.learned_epsilon = None
        if self.learn_epsilon:
            self.learned_epsilon = self.add_weight(
                name="epsilon",
                shape=shape,
                initializer=keras.initializers.Constant(1e-4),
            )

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the normalized and thresholded features."""
        x = ops.cast(inputs, "float32")
        positions = tuple(range(1, len(x.shape) - 1))
        there = counted(x, mask)
        count = ops.sum(there, axis=positions, keepdims=True)
        squares = ops.sum(there * ops.square(x), axis=positions, keepdims=True)
        squares = squares / ops.maximum(count, 1.0)
        epsilon: Any = self.epsilon
        if self.learned_epsilon is not None:
            epsilon = epsilon + ops.abs(ops.cast(self.learned_epsilon, "float32"))
        gamma, beta, tau = (
            ops.cast(v, "float32") for v in (self.gamma, self.beta, self.tau)
        )
        y = gamma * x * ops.rsqrt(squares + epsilon) + beta
        return ops.cast(ops.maximum(y, tau), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the input."""
        return input_shape
