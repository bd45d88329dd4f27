"""Euclidean norms of vectors and groups."""

import math

import keras

from polytask.numeric.namespace import Namespace, Tensor

Axes = int | tuple[int, ...] | None

# Far from where a sum of squares in single precision under- or overflows.
_SMALLEST, _LARGEST = 1e-15, 1e15


def group_norm(xp: Namespace, values: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return the Euclidean norms of the groups, with their axes kept at size one.

    The shortest way, for groups that are not all zero and far from the limits of the
    type.

    Args:
        xp: A namespace.
        values: Floating tensor.
        axes: The axes that run inside a group, one or more.
    """
    if xp is keras.ops and len(axes) > 2:
        return xp.sqrt(xp.sum(xp.square(values), axis=axes, keepdims=True))
    # On PyTorch this makes no copy, which would take longer than the sum.
    return xp.norm(values, axis=axes, keepdims=True)


def safe_norm(
    xp: Namespace, values: Tensor, axis: Axes, keepdims: bool = False
) -> Tensor:
    """Return the Euclidean norm along `axis`, differentiable at zero.

    The square root of a sum of squares has the gradient NaN at zero, overflows for
    large entries and underflows for small ones. Dividing by the largest entry, held
    constant, cures all three and leaves the gradient `values / norm`. Where values are
    known that is done only if it has to be, as it takes five times as long.

    Args:
        xp: A namespace.
        values: Floating tensor.
        axis: The axes to reduce; None for all. An empty tuple reduces nothing.
        keepdims: Whether reduced axes stay, with size one.

    Returns:
        The norms; where all entries are zero, 0 with gradient 0.
    """
    if axis is None:
        axis = tuple(range(len(values.shape)))
    if axis == ():
        return xp.abs(values)
    if xp is not keras.ops:
        norm = xp.norm(values, axis=axis, keepdims=keepdims)
        if _all_in_range(xp, values, norm, axis, keepdims):
            return norm
    held = xp.stop_gradient(values)
    # Without the absolute values, which PyTorch would write out.
    largest = xp.maximum(
        xp.max(held, axis=axis, keepdims=True), -xp.min(held, axis=axis, keepdims=True)
    )
    scale = xp.where(largest > 0, largest, xp.ones_like(largest))
    squares = xp.sum(xp.square(values * (1 / scale)), axis=axis, keepdims=True)
    positive = squares > 0
    root = xp.sqrt(xp.where(positive, squares, xp.ones_like(squares)))
    norm = xp.where(positive, scale * root, xp.zeros_like(root))
    return norm if keepdims else xp.squeeze(norm, axis=axis)


def _all_in_range(
    xp: Namespace, values: Tensor, norm: Tensor, axis: Axes, keepdims: bool
) -> bool:
    """Return whether no norm can have suffered from squares out of range."""
    if not bool((norm < _LARGEST).all()):
        return False
    known = norm > _SMALLEST
    if not bool(known.all()):
        known |= xp.norm(values, ord=math.inf, axis=axis, keepdims=keepdims) == 0
    return bool(known.all())
