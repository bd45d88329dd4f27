"""Rows as arrays in the precision of Keras, by name."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

Arrays = dict[str, np.ndarray]

#: Stands for the input, or the task, where there is one array of them.
ONLY = ""


def as_numbers(values: Any) -> np.ndarray:
    """Return an array; floats and booleans in the precision of Keras.

    Example:
        >>> as_numbers([0.5, 1.0]).dtype.name, as_numbers([1, 2]).dtype.kind
        ('float32', 'i')
    """
    array = np.asarray(values)
    is_float = array.dtype.kind in "fb"
    return array.astype(keras.backend.floatx()) if is_float else array


def by_name(values: Any) -> Arrays:
    """Return arrays by name, one array as that of `ONLY`."""
    named = values if isinstance(values, Mapping) else {ONLY: values}
    return {name: as_numbers(own) for name, own in named.items()}


def as_given(arrays: Arrays) -> Any:
    """Return what `by_name` made arrays of: a dict of them, or one."""
    return arrays.get(ONLY, arrays)
