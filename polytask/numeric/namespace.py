"""Where a T x T problem is computed: `keras.ops`, or NumPy beside eager PyTorch."""

import functools
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
        "float64" for NumPy and TensorFlow; for JAX, where 64-bit numbers are off by
        default, "float32" outside of a `widened` function.
    """
    if ops is NUMPY_OPS or keras.backend.backend() == "tensorflow":
        return "float64"
    import jax

    return str(jax.dtypes.canonicalize_dtype("float64"))


def widened(solve: Callable) -> Callable:
    """Let a solver work in float64 on JAX as well, and return float32 there.

    A Gramian is rounded once where it is measured; a solver in float64 adds nothing to
    that. TPUs have no solvers of float64, and keep to float32.

    Args:
        solve: A function whose first argument is a namespace, and whose result is one
            array.

    Returns:
        The same function, computed in the widest type.
    """

    @functools.wraps(solve)
    def wide(ops: Any, *args: Any, **kwargs: Any) -> Any:
        if ops is NUMPY_OPS or keras.backend.backend() != "jax":
            return solve(ops, *args, **kwargs)
        import jax

        with jax.enable_x64(jax.default_backend() != "tpu"):
            return ops.cast(solve(ops, *args, **kwargs), "float32")

    return wide


def enter(ops: Any, x: Any) -> Any:
    """Return `x` as an array of the namespace `ops`; in NumPy it is a copy.

    Args:
        ops: A namespace.
        x: A tensor, a Keras variable or host data.
    """
    return _array(x) if ops is NUMPY_OPS else keras.ops.convert_to_tensor(x)


def leave(ops: Any, x: Any) -> Any:
    """Return a result of the namespace `ops` as a float32 tensor of the backend.

    Args:
        ops: A namespace.
        x: An array of that namespace.
    """
    if ops is not NUMPY_OPS:
        return ops.cast(x, "float32")
    import torch

    # Keras takes eight times as long to convert an array as to find a tensor's device.
    return keras.ops.convert_to_tensor(torch.from_numpy(np.array(x, "float32")))


def concrete(x: Any) -> np.ndarray | None:
    """Return the values of `x`, or None where it is only traced.

    Args:
        x: A tensor of the current backend, or host data.

    Returns:
        A NumPy array, or None inside `jax.jit` and `tf.function`.
    """
    try:
        return _array(x)
    except (TypeError, RuntimeError):
        # A JAX tracer raises the first, a TensorFlow graph tensor the second.
        return None


def _array(x: Any) -> np.ndarray:
    """Return a copy of `x`, which PyTorch may overwrite, as a NumPy array."""
    value = getattr(x, "value", x)
    if hasattr(value, "detach") and str(value.dtype) != "torch.bfloat16":
        # Keras's own way is ten times as long, at every call of a small problem.
        copy: np.ndarray = value.detach().cpu().numpy().copy()
        return copy
    return np.array(keras.ops.convert_to_numpy(x))
