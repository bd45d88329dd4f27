"""A normalization by the rows that a task is learned from."""

from typing import Any

from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.layers._configured import ConfiguredLayer
from polytask.layers._moments import counted_moments


@polytask_export("polytask.layers.TaskNormalization")
class TaskNormalization(ConfiguredLayer):
    """TaskNorm: moments of the context, mixed with those of the row, by their number.

    For the rows with a label of an episode, its context of n rows, μ_B and σ_B² are the
    moments of each channel over them, and μ_R and σ_R² those of each row over all its
    channels and positions. With a = σ(s n + o), learned s and o, every row of the
    episode gets (x - μ) / √(σ² + ε) γ + β where

    μ = a μ_B + (1 - a) μ_R,
    σ² = a (σ_B² + (μ_B - μ)²) + (1 - a) (σ_R² + (μ_R - μ)²).

    It has no moving statistics: a batch is an episode, in training as at inference, and
    its query rows have no part in the moments of others. Where a batch has no context
    the moments are those of the row alone.

    Args:
        epsilon: ε, above 0. Default: 1e-5.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: (rows, ..., channels).
        context: (rows,) or (rows, 1), 1 where a row belongs to the context, else 0.

    Source:
        Bronskill, Gordon, Requeima, Nowozin and Turner, "TaskNorm: Rethinking Batch
        Normalization for Meta-Learning", ICML 2020 (TaskNorm-L).

    Example:
        >>> import keras
        >>> rows, context = keras.Input((8,)), keras.Input((1,))
        >>> TaskNormalization()(rows, context).shape
        (None, 8)
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = checked_number(
            epsilon, "epsilon", "TaskNormalization", above=0.0
        )

    def build(self, inputs_shape: Any, context_shape: Any) -> None:
        """Make scale and offset of channels and of n."""
        channels = (inputs_shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=channels, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=channels, initializer="zeros")
        self.scale = self.add_weight(name="scale", shape=(), initializer="zeros")
        self.offset = self.add_weight(name="offset", shape=(), initializer="zeros")

    def call(self, inputs: Any, context: Any) -> Any:
        """Return the normalized rows."""
        x = ops.cast(inputs, "float32")
        axes = tuple(range(len(x.shape)))
        context = ops.reshape(ops.cast(context, "float32"), (-1,) + (1,) * axes[-1])
        number = ops.sum(context)
        row_mean, row_variance = counted_moments(x, ops.ones_like(x), axes[1:])
        mean, variance = counted_moments(x, context, axes[:-1])
        a = ops.sigmoid(self.scale * number + self.offset)
        a = ops.where(number > 0, a, 0.0)
        both = a * mean + (1 - a) * row_mean
        spread = a * (variance + ops.square(mean - both))
        spread += (1 - a) * (row_variance + ops.square(row_mean - both))
        y = (x - both) * ops.rsqrt(spread + self.epsilon)
        y = y * ops.cast(self.gamma, "float32") + ops.cast(self.beta, "float32")
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, inputs_shape: Any, context_shape: Any) -> Any:
        """Return the shape of the rows."""
        return inputs_shape
