"""The one door to NumPy, `keras.ops` and PyTorch.

The functions of this package compute in a namespace that they are given, with the names
and signatures of `keras.ops`:

- `keras.ops` itself, on every backend, where gradients are recorded or code is traced;
- `NUMPY_OPS`, in double precision, for linear models and, on eager PyTorch, for T x T
  problems;
- `TORCH_OPS`, for kernels on PyTorch of which no gradient is recorded.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any, TypeAlias

import keras
import numpy as np

from polytask._types import Tensor as Tensor

# `keras.ops`, `NUMPY_OPS` or `TORCH_OPS`.
Namespace: TypeAlias = Any


class EagerOps:
    """The loops of `keras.ops` where values are known as soon as they are computed."""

    def while_loop(
        self,
        cond: Callable[..., Any],
        body: Callable[..., tuple[Any, ...]],
        loop_vars: tuple[Any, ...],
        maximum_iterations: int | None = None,
    ) -> tuple[Any, ...]:
        """Repeat `body` while `cond` holds, at most `maximum_iterations` times."""
        for count in itertools.count():
            if count == maximum_iterations or not cond(*loop_vars):
                break
            loop_vars = body(*loop_vars)
        return loop_vars

    def fori_loop(
        self, lower: int, upper: int, body: Callable[[int, Any], Any], value: Any
    ) -> Any:
        """Apply `body(i, value)` for i from `lower` to `upper` - 1."""
        for i in range(lower, upper):
            value = body(i, value)
        return value


class NumpyOps(EagerOps):
    """The part of `keras.ops` that this package uses, on NumPy arrays.

    Eager PyTorch spends a few microseconds on each operation, whatever its size, so
    a small iterative solver costs far more there than in NumPy. Everything that
    NumPy names as Keras does is taken from NumPy itself.
    """

    solve = staticmethod(np.linalg.solve)
    eigh = staticmethod(np.linalg.eigh)
    norm = staticmethod(np.linalg.vector_norm)
    qr = staticmethod(np.linalg.qr)
    svd: Any = staticmethod(np.linalg.svd)

    def __getattr__(self, name: str) -> Any:
        """Return NumPy's function of that name, and find it faster the next time."""
        function = getattr(np, name)
        setattr(self, name, function)
        return function

    def convert_to_tensor(self, x: Any, dtype: str | None = None) -> Tensor:
        """Return `x` as an array."""
        return np.asarray(x, dtype)

    def cast(self, x: Any, dtype: str) -> Tensor:
        """Return `x` in another type."""
        return np.asarray(x).astype(dtype)

    def segment_sum(self, x: Tensor, ids: Tensor, num_segments: int) -> Tensor:
        """Return the sums of the entries of a vector that have the same id."""
        return np.bincount(ids, x, num_segments).astype(x.dtype)

    def stop_gradient(self, x: Tensor) -> Tensor:
        """Return `x`: NumPy knows no gradients."""
        return x

    def view(self, x: Tensor, dtype: str) -> Tensor:
        """Return the bits of `x` as another type."""
        return x.view(dtype)


NUMPY_OPS = NumpyOps()


class TorchOps(EagerOps):
    """`keras.ops` on PyTorch, with PyTorch's own functions for what kernels go through.

    Keras takes longer to come to a function than PyTorch to compute a small group.
    Nothing may be recorded, so that `into` can write over what is no longer needed.
    """

    _OWN = frozenset(
        [
            "abs",
            "add",
            "any",
            "clip",
            "divide",
            "multiply",
            "square",
            "subtract",
            "where",
        ]
    )

    def __getattr__(self, name: str) -> Any:
        """Return PyTorch's function of that name, or that of `keras.ops`."""
        if name not in self._OWN:
            return getattr(keras.ops, name)
        import torch

        function = getattr(torch, name)
        setattr(self, name, function)
        return function

    def maximum(self, x: Tensor, least: Any) -> Tensor:
        """Return the larger of a tensor and a tensor, variable or number."""
        return x.clamp(min=_value(least))

    def minimum(self, x: Tensor, most: Any) -> Tensor:
        """Return the smaller of a tensor and a tensor, variable or number."""
        return x.clamp(max=_value(most))

    def norm(
        self, x: Tensor, axis: Any = None, keepdims: bool = False, ord: float = 2
    ) -> Tensor:
        """Return the norm of the vectors along any number of axes."""
        import torch

        return torch.linalg.vector_norm(x, ord=ord, dim=axis, keepdim=keepdims)


TORCH_OPS = TorchOps()


def _value(x: Any) -> Any:
    return x.value if isinstance(x, keras.Variable) else x


def into(xp: Namespace, place: Tensor | None, name: str, *operands: Any) -> Tensor:
    """Return the function `name` of `xp`, written over `place` where that is possible.

    Only `TORCH_OPS` writes: in fresh memory an operation of the size of a kernel takes
    PyTorch up to five times as long.

    Args:
        xp: A namespace.
        place: A tensor of the result's shape and type that is no longer needed, or an
            operand; None for fresh memory.
        name: A function of elements.
        *operands: Its arguments.
    """
    function = getattr(xp, name)
    if xp is TORCH_OPS and place is not None:
        return function(*operands, out=place)
    return function(*operands)


def kernel_namespace(*operands: Any) -> Namespace:
    """Return where kernels are shrunk on the current backend.

    Args:
        *operands: What takes part; tensors and numbers.

    Returns:
        `TORCH_OPS` on PyTorch if no gradient of an operand is recorded, else
        `keras.ops`.
    """
    if keras.backend.backend() != "torch":
        return keras.ops
    import torch

    recorded = torch.is_grad_enabled() and any(
        getattr(operand, "requires_grad", False) for operand in operands
    )
    return keras.ops if recorded else TORCH_OPS


def namespace_of() -> Namespace:
    """Return where T x T problems are computed on the current backend.

    PyTorch runs eagerly, so its problems go to NumPy: on an accelerator as well,
    because one copy of T x T numbers is cheaper than hundreds of kernel launches.

    Returns:
        The NumPy namespace on PyTorch, else `keras.ops`.
    """
    return NUMPY_OPS if keras.backend.backend() == "torch" else keras.ops


def working_dtype(ops: Namespace) -> str:
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


def widened(solve: Callable[..., Tensor]) -> Callable[..., Tensor]:
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
    def wide(ops: Namespace, *args: Any, **kwargs: Any) -> Tensor:
        if ops is NUMPY_OPS or keras.backend.backend() != "jax":
            return solve(ops, *args, **kwargs)
        import jax

        leaves, structure = jax.tree.flatten((args, kwargs))
        places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, jax.Array)]

        def in_float64(*tensors: Tensor) -> Tensor:
            filled = list(leaves)
            for place, tensor in zip(places, tensors, strict=True):
                filled[place] = tensor
            given, named = jax.tree.unflatten(structure, filled)
            with jax.enable_x64(jax.default_backend() != "tpu"):
                return ops.cast(solve(ops, *given, **named), "float32")

        # What vmap makes of a solver, it makes where the solver stands in float64.
        batchable = jax.custom_batching.custom_vmap(in_float64)

        @batchable.def_vmap
        def _(size: int, batched: list[bool], *tensors: Tensor) -> tuple[Tensor, bool]:
            axes = [0 if each else None for each in batched]
            with jax.enable_x64(jax.default_backend() != "tpu"):
                return jax.vmap(in_float64, in_axes=axes)(*tensors), True

        return batchable(*(leaves[place] for place in places))

    return wide


def one_by_one(decompose: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    """Return a decomposition of which `jax.vmap` makes a loop over the matrices.

    On a CPU, a thread of XLA that decomposes a batch waits for others of its pool: as
    many such calls at a time as there are threads, as in the lanes of a study, wait
    forever.

    Args:
        decompose: Function of a matrix, through which no gradient flows.
    """
    if keras.backend.backend() != "jax":
        return decompose
    import jax

    return jax.custom_batching.sequential_vmap(decompose)  # type: ignore[no-untyped-call, no-any-return]


def eigh(ops: Namespace, symmetric: Tensor) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues and eigenvectors of a symmetric matrix.

    LAPACK reads by columns. Unless told otherwise, XLA lays out by columns whatever the
    matrix is computed from as well, down to the inner products of whole gradients,
    which then miss its fast kernels: a fifth of a train step.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        symmetric: (T, T) matrix.

    Returns:
        (T,) eigenvalues, ascending, and the (T, T) eigenvectors as columns.
    """
    if ops is not NUMPY_OPS and keras.backend.backend() == "jax":
        from jax.experimental.layout import Layout, with_layout_constraint

        by_rows = Layout((0, 1))
        symmetric = with_layout_constraint(symmetric, by_rows)  # type: ignore[no-untyped-call]
    values, vectors = ops.eigh(symmetric)
    return values, vectors


def enter(ops: Namespace, x: Any) -> Tensor:
    """Return `x` as an array of the namespace `ops`; in NumPy it is a copy.

    Args:
        ops: A namespace.
        x: A tensor, a Keras variable or host data.
    """
    return _array(x) if ops is NUMPY_OPS else keras.ops.convert_to_tensor(x)


def leave(ops: Namespace, x: Any) -> Tensor:
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


def as_float_tensor(values: Any) -> Tensor:
    """Return `values` (array, tensor or `keras.Variable`) as a floating tensor.

    Args:
        values: Numbers of any shape; integers become `keras.config.floatx()`.

    Returns:
        The tensor of the current backend; a floating dtype is kept.
    """
    tensor = keras.ops.convert_to_tensor(values)
    if "float" in keras.backend.standardize_dtype(tensor.dtype):
        return tensor
    return keras.ops.cast(tensor, keras.config.floatx())


def in_single(values: Any) -> Tensor:
    """Return `values` as a tensor of at least single precision.

    In half precision a decomposition does not exist, and the largest entry of a small
    group has no inverse.

    Args:
        values: As `as_float_tensor` takes them.

    Returns:
        The tensor; half precision becomes single, double stays.
    """
    tensor = as_float_tensor(values)
    return tensor if is_double(tensor) else keras.ops.cast(tensor, "float32")


def is_double(values: Tensor) -> bool:
    """Return whether a tensor has double precision."""
    return "64" in str(values.dtype)


def epsilon_of(values: Tensor) -> float:
    """Return the relative rounding error of single or double precision.

    Args:
        values: Floating tensor of one of them.

    Returns:
        2⁻²³ or 2⁻⁵².
    """
    return 2.0**-52 if is_double(values) else 2.0**-23
