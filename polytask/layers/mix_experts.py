"""The weighted sum of experts."""

from typing import Any

import keras
from keras import ops

from polytask._export import polytask_export
from polytask.errors import UserError


@polytask_export("polytask.layers.MixExperts")
class MixExperts(keras.layers.Layer):
    """Σₑ wₑ hₑ for each row, from stacked experts (rows, experts, ...).

    Call it as `layer(experts, weights)`, with weights (rows, experts) from a gate.
    Experts may return any shape.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If the numbers of experts and weights differ, when it is built.

    Example:
        >>> import numpy as np
        >>> experts = np.array([[[1.0, 0.0], [0.0, 1.0]]])
        >>> mixed = MixExperts()(experts, np.array([[0.25, 0.75]]))
        >>> keras.ops.convert_to_numpy(mixed).tolist()
        [[0.25, 0.75]]
    """

    def build(self, experts_shape: Any, weights_shape: Any) -> None:
        """Check that there is a weight for each expert."""
        if experts_shape[1] != weights_shape[-1]:
            raise UserError(
                f'MixExperts "{self.name}": found {experts_shape[1]} experts and '
                f"{weights_shape[-1]} weights; there must be one for each."
            )

    def call(self, experts: Any, weights: Any) -> Any:
        """Return the weighted sum."""
        inner = [1] * (len(experts.shape) - 2)
        factors = ops.reshape(weights, (-1, weights.shape[-1], *inner))
        return ops.sum(experts * ops.cast(factors, experts.dtype), axis=1)

    def compute_output_shape(self, experts_shape: Any, weights_shape: Any) -> Any:
        """Return the shape of one expert's output."""
        return (experts_shape[0], *experts_shape[2:])
