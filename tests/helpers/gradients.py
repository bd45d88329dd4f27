"""Gradients on whichever backend runs, for the tests of layers."""

import keras
import numpy as np
from keras import ops


def gradient(function, at):
    """Return the gradient of a scalar function of one tensor, as an array."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(function)(ops.convert_to_tensor(at)))
    if backend == "tensorflow":
        import tensorflow as tf

        x = tf.convert_to_tensor(at)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return ops.convert_to_numpy(tape.gradient(value, x))
    x = ops.convert_to_tensor(at).detach().requires_grad_(True)
    function(x).backward()
    return ops.convert_to_numpy(x.grad)


def finite_differences(function, at, step=1e-2):
    """Return the gradient of a scalar function of one array by central differences."""
    slopes = np.zeros(at.shape)
    for index in np.ndindex(*at.shape):
        ahead, behind = at.copy(), at.copy()
        ahead[index] += step
        behind[index] -= step
        above, below = (
            float(ops.convert_to_numpy(function(ops.convert_to_tensor(place))))
            for place in (ahead, behind)
        )
        slopes[index] = above - below
    return slopes / (2 * step)
