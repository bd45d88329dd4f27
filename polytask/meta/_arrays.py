"""Rows as arrays in the precision of Keras."""

from typing import Any

import keras
import numpy as np


def as_numbers(values: Any) -> np.ndarray:
    """Return an array; floats and booleans in the precision of Keras.

    Example:
        >>> as_numbers([0.5, 1.0]).dtype.name, as_numbers([1, 2]).dtype.kind
        ('float32', 'i')
    """
    array = np.asarray(values)
    is_float = array.dtype.kind in "fb"
    return array.astype(keras.backend.floatx()) if is_float else array
