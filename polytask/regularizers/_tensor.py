"""What every regularizer and prox function shares about tensors."""

import math
from typing import Any, TypeAlias

import keras
from keras import ops

from polytask.regularizers._gradient_free import gradient_free_torch

# A tensor of whichever backend Keras runs on.
Tensor: TypeAlias = Any


def as_float_tensor(values: Any) -> Tensor:
    """Return `values` (array, tensor or `keras.Variable`) as a floating tensor.

    Args:
        values: Numbers of any shape; integers become `keras.config.floatx()`.

    Returns:
        The tensor; a floating dtype is kept.
    """
    tensor = ops.convert_to_tensor(values)
    if "float" in keras.backend.standardize_dtype(tensor.dtype):
        return tensor
    return ops.cast(tensor, keras.config.floatx())


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
    return tensor if is_double(tensor) else ops.cast(tensor, "float32")


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


# Far from where a sum of squares in single precision under- or overflows.
_SMALLEST_NORM, _LARGEST_NORM = 1e-15, 1e15


def _all_in_range(
    torch: Any, values: Any, norm: Any, axis: Any, keepdims: bool
) -> bool:
    """Return whether no norm can have suffered from squares out of range."""
    if not bool((norm < _LARGEST_NORM).all()):
        return False
    known = norm > _SMALLEST_NORM
    if not bool(known.all()):
        largest = torch.linalg.vector_norm(
            values, ord=math.inf, dim=axis, keepdim=keepdims
        )
        known |= largest == 0
    return bool(known.all())


def safe_norm(
    values: Tensor, axis: int | tuple[int, ...] | None, keepdims: bool = False
) -> Tensor:
    """Return the Euclidean norm along `axis`, differentiable at zero.

    The square root of a sum of squares has the gradient NaN at zero, overflows for
    large entries and underflows for small ones. Dividing by the largest entry, held
    constant, cures all three and leaves the gradient `values / norm`. PyTorch without
    a gradient does so only where it has to, as it takes five times as long.

    Args:
        values: Floating tensor.
        axis: The axes to reduce; None for all. An empty tuple reduces nothing.
        keepdims: Whether reduced axes stay, with size one.

    Returns:
        The norms; where all entries are zero, 0 with gradient 0.
    """
    if axis is None:
        axis = tuple(range(len(values.shape)))
    if axis == ():
        return ops.abs(values)
    torch = gradient_free_torch(values)
    if torch is not None:
        norm = torch.linalg.vector_norm(values, dim=axis, keepdim=keepdims)
        if _all_in_range(torch, values, norm, axis, keepdims):
            return norm
    held = ops.stop_gradient(values)
    # Without the absolute values, which PyTorch would write out.
    largest = ops.maximum(
        ops.max(held, axis=axis, keepdims=True),
        -ops.min(held, axis=axis, keepdims=True),
    )
    scale = ops.where(largest > 0, largest, ops.ones_like(largest))
    squares = ops.sum(ops.square(values * (1 / scale)), axis=axis, keepdims=True)
    positive = squares > 0
    root = ops.sqrt(ops.where(positive, squares, ops.ones_like(squares)))
    norm = ops.where(positive, scale * root, ops.zeros_like(root))
    return norm if keepdims else ops.squeeze(norm, axis=axis)
