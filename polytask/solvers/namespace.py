"""Where a T x T problem is computed: `keras.ops`, or NumPy beside eager PyTorch."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


class NumpyOps:
    """The part of `keras.ops` that the solvers use, on NumPy arrays.

    Eager PyTorch spends a few microseconds on each operation, whatever its size, so
    a small iterative solver costs far more there than in NumPy. Everything that
    NumPy names as Keras does is taken from NumPy itself.
    """

    def convert_to_tensor(self, x: Any, dtype: str | None = None) -> Any:
        """Return `x` as an array."""
        return np.asarray(x, dtype)

    solve = staticmethod(np.linalg.solve)
    eigh = staticmethod(np.linalg.eigh)
    svd = staticmethod(np.linalg.svd)

    def __getattr__(self, name: str) -> Any:
        """Return NumPy's function of that name, and find it faster the next time."""
        function = getattr(np, name)
        setattr(self, name, function)
        return function

    def cast(self, x: Any, dtype: str) -> Any:
        """Return `x` in another type."""
        return np.asarray(x).astype(dtype)

    def softmax(self, x: Any) -> Any:
        """Return the softmax of a vector."""
        e = np.exp(x - np.max(x))
        return e / np.sum(e)

    def logsumexp(self, x: Any) -> Any:
        """Return log(sum(exp(x))) of a vector."""
        top = np.max(x)
        return top + np.log(np.sum(np.exp(x - top)))

    def while_loop(self, cond: Callable, body: Callable, loop_vars: tuple) -> tuple:
        """Repeat `body` while `cond` holds."""
        while cond(*loop_vars):
            loop_vars = body(*loop_vars)
        return loop_vars

    def fori_loop(self, lower: int, upper: int, body: Callable, value: Any) -> Any:
        """Apply `body(i, value)` for i from `lower` to `upper` - 1."""
        for i in range(lower, upper):
            value = body(i, value)
        return value


NUMPY_OPS = NumpyOps()


def namespace_of() -> Any:
    """Return where T x T problems are computed on the current backend.

    PyTorch runs eagerly, so its problems go to NumPy: on an accelerator as well,
    because one copy of T x T numbers is cheaper than hundreds of kernel launches.

    Returns:
        The NumPy namespace on PyTorch, else `keras.ops`.
    """
    return NUMPY_OPS if keras.backend.backend() == "torch" else keras.ops


def working_dtype(ops: Any) -> str:
    """Return the widest float type that the namespace has.

    Args:
        ops: A namespace.

    Returns:
        "float64" for NumPy and TensorFlow; "float32" for JAX, where 64-bit numbers
        are off by default.
    """
    if ops is NUMPY_OPS or keras.backend.backend() == "tensorflow":
        return "float64"
    return "float32"


def enter(ops: Any, x: Any) -> Any:
    """Return `x` as an array of the namespace `ops`."""
    if ops is NUMPY_OPS:
        return keras.ops.convert_to_numpy(x)
    return keras.ops.convert_to_tensor(x)


def concrete(x: Any) -> np.ndarray | None:
    """Return the values of `x`, or None where it is only traced.

    Args:
        x: A tensor of the current backend, or host data.

    Returns:
        A NumPy array, or None inside `jax.jit` and `tf.function`.
    """
    try:
        values: np.ndarray = np.asarray(keras.ops.convert_to_numpy(x))
    except (TypeError, RuntimeError):
        # A JAX tracer raises the first, a TensorFlow graph tensor the second.
        return None
    return values
