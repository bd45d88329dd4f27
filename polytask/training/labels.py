"""Missing labels: which rows of a target are labeled."""

from typing import Any

import keras
import numpy as np
from keras import ops

#: What marks a missing label in an integer target.
MASK_VALUE = -1


def labeled(y_true: Any, mask_value: int = MASK_VALUE) -> tuple[Any, Any]:
    """Split a target into a mask and values that are safe to compute with.

    A label is missing where a float target is NaN, or where an integer target
    equals `mask_value`; a type that cannot hold it, such as unsigned bytes for -1, has
    every label. NaN must be replaced before a loss sees it: its gradient is
    NaN even under a weight of zero.

    Args:
        y_true: Target of any shape.
        mask_value: The integer that marks a missing label. Default: -1.

    Returns:
        The mask (boolean, shape of `y_true`) and the target with zeros where the
        label is missing.

    Example:
        >>> import numpy as np
        >>> mask, values = labeled(np.array([1.0, np.nan]))
    """
    y_true = ops.convert_to_tensor(y_true)
    dtype = keras.backend.standardize_dtype(y_true.dtype)
    if "float" in dtype:
        mask = ops.logical_not(ops.isnan(y_true))
    elif _can_hold(dtype, mask_value):
        mask = ops.not_equal(y_true, mask_value)
    else:
        mask = ops.ones_like(y_true, dtype="bool")
    return mask, ops.where(mask, y_true, ops.zeros_like(y_true))


def _can_hold(dtype: str, value: int) -> bool:
    """Return whether integers of a type can have a value, which else would wrap."""
    if dtype == "bool":
        return False
    limits = np.iinfo(dtype)
    return bool(limits.min <= value <= limits.max)


def row_weights(
    mask: Any, sample_weight: Any, keras_mask: Any, shape: tuple[Any, ...]
) -> Any:
    """Return one weight for each element of a loss of the given shape.

    Args:
        mask: Which labels are there, in the shape of the target.
        sample_weight: The user's weights, or None.
        keras_mask: The mask that the output carries (padded time steps), or None.
        shape: Shape of the unreduced loss. Only its rank is used.

    Returns:
        Float32 weights that broadcast against the loss; 0 where a label is missing.
        A row with several target values counts as labeled if all are there.
    """
    rank = len(shape)
    if len(mask.shape) > rank:
        mask = ops.all(mask, axis=tuple(range(rank, len(mask.shape))))
    weights = ops.cast(mask, "float32")
    if keras_mask is not None:
        weights = weights * ops.cast(keras_mask, "float32")
    if sample_weight is not None:
        sample_weight = ops.cast(sample_weight, "float32")
        while len(sample_weight.shape) > rank and sample_weight.shape[-1] == 1:
            sample_weight = ops.squeeze(sample_weight, axis=-1)
        while len(sample_weight.shape) < len(weights.shape):
            sample_weight = ops.expand_dims(sample_weight, axis=-1)
        weights = weights * sample_weight
    return weights
