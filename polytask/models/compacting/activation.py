"""Activation functions that treat every entry by itself."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import activations, ops

from polytask.models.compacting.column_rule import Constants

_ELEMENTWISE = (
    activations.celu,
    activations.elu,
    activations.exponential,
    activations.gelu,
    activations.hard_shrink,
    activations.hard_sigmoid,
    activations.hard_silu,
    activations.hard_tanh,
    activations.leaky_relu,
    activations.linear,
    activations.log_sigmoid,
    activations.mish,
    activations.relu,
    activations.relu6,
    activations.selu,
    activations.sigmoid,
    activations.silu,
    activations.soft_shrink,
    activations.softplus,
    activations.softsign,
    activations.sparse_plus,
    activations.squareplus,
    activations.tanh,
    activations.tanh_shrink,
    activations.threshold,
)


def is_elementwise(function: Callable[[Any], Any] | None) -> bool:
    """Return whether an activation is known to treat every entry by itself.

    Args:
        function: A Keras activation, or None for the identity. A function that is not
            known counts as mixing columns, as softmax does.
    """
    return function is None or any(function is known for known in _ELEMENTWISE)


def on_constants(function: Callable[[Any], Any] | None, values: Constants) -> Constants:
    """Apply an elementwise function to the known entries.

    Args:
        function: A function of a tensor, or None for the identity.
        values: Constants, NaN where not known.

    Returns:
        The results; NaN where not known, or not finite.
    """
    known = ~np.isnan(values)
    if function is None or not known.any():
        return values
    tensor = ops.convert_to_tensor(values[known].astype(keras.config.floatx()))
    results = np.full(values.shape, np.nan)
    results[known] = ops.convert_to_numpy(function(tensor))
    results[~np.isfinite(results)] = np.nan
    return results
