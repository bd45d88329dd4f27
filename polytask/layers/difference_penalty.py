"""A penalty on what private features say about shared ones."""

from typing import Any

import keras
from keras import ops

from polytask._export import polytask_export
from polytask.regularizers._checks import checked_strength


@polytask_export("polytask.layers.DifferencePenalty")
class DifferencePenalty(keras.layers.Layer):
    """The private features themselves; adds λ ‖SᵀP‖_F² / rows² to the loss.

    S and P are the shared and private features of a batch, one row each, centered by
    column and scaled to length 1 by row: the penalty is zero where no private feature
    is correlated with a shared one, and no layer lowers it by shrinking its output.
    Call it as `private = layer(private, shared)`. Features with more axes than
    (rows, channels) count each position as a row.

    In a `MultiTaskModel` the penalty belongs to the task whose head it is in.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Bousmalis et al., "Domain Separation Networks", NIPS 2016.

    Example:
        >>> import keras
        >>> shared, private = keras.Input((8,)), keras.Input((4,))
        >>> DifferencePenalty(0.1)(private, shared).shape
        (None, 4)
    """

    def __init__(self, strength: float = 0.01, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strength = checked_strength(strength, "DifferencePenalty")
        self.supports_masking = True

    def build(self, private_shape: Any, shared_shape: Any) -> None:
        """Nothing to make."""

    def call(self, private: Any, shared: Any) -> Any:
        """Return the private features and add the penalty."""
        p, s = _directions(private), _directions(shared)
        rows = ops.cast(ops.shape(p)[0], "float32")
        products = ops.matmul(ops.transpose(s), p) / rows
        self.add_loss(self.strength * ops.sum(ops.square(products)))
        return private

    def compute_output_shape(self, private_shape: Any, shared_shape: Any) -> Any:
        """Return the private features' shape."""
        return private_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "strength": self.strength}


def _directions(features: Any) -> Any:
    """Return the rows, centered by column and scaled to length 1."""
    matrix = ops.reshape(ops.cast(features, "float32"), (-1, features.shape[-1]))
    centered = matrix - ops.mean(matrix, axis=0, keepdims=True)
    return ops.normalize(centered, axis=-1)
