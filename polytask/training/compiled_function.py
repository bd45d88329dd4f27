"""A function as a training step computes it."""

from collections.abc import Callable
from typing import Any

import keras


def compiled_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a pure function of tensors, compiled where the backend compiles its steps.

    Args:
        function: Takes and returns tensors; changes no variable.

    Returns:
        A function of the same arguments.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        jitted: Callable[..., Any] = jax.jit(function)
        return jitted
    if backend == "tensorflow":
        import tensorflow as tf

        traced: Callable[..., Any] = tf.function(function)
        return traced
    return function
