"""The one place that knows which axes of a kernel belong together."""

import math
from typing import Any

from polytask.errors import UserError, nearest
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm

# What is kept apart: the axis of the kernel that numbers the groups.
_GROUP_AXIS: dict[str, int | None] = {
    "inputs": -2,
    "channels": -2,
    "units": -1,
    "filters": -1,
    "all": None,
}

# Those that are rows of a matrix (inputs, outputs).
ROW_GROUPS = ("inputs", "channels")


def checked_groups(groups: Any, owner: str) -> str:
    """Return `groups` if it names a way to group the weights of a kernel.

    Args:
        groups: What the user passed.
        owner: The class's name, for the message.

    Returns:
        The name.

    Raises:
        UserError: If it is something else.
    """
    if isinstance(groups, str) and groups in _GROUP_AXIS:
        return groups
    hint = nearest(groups, _GROUP_AXIS) if isinstance(groups, str) else ""
    raise UserError(
        f"{owner}: unknown groups {groups!r}.{hint} Known: {', '.join(_GROUP_AXIS)}."
    )


def group_axes(w: Tensor, groups: str) -> tuple[int, ...]:
    """Return the axes of `w` that run inside a group.

    Keras kernels end in (input, output): a Dense kernel is (inputs, units), a
    convolution's is (*window, channels, filters).

    Args:
        w: The kernel.
        groups: `"inputs"` or `"channels"`: all weights that leave one input or
            channel; `"units"` or `"filters"`: all weights that enter one unit or
            filter; `"all"`: the whole tensor.

    Returns:
        Negative axis numbers, to reduce over.

    Raises:
        UserError: If the tensor has no such axis.

    Example:
        >>> import numpy as np
        >>> group_axes(np.zeros((3, 3, 16, 32)), "channels")
        (-4, -3, -1)
    """
    rank = len(w.shape)
    kept = _GROUP_AXIS[groups]
    if kept is not None and rank < -kept:
        raise UserError(
            f'groups="{groups}" needs weights with at least {-kept} axes; found the '
            f"shape {tuple(w.shape)}."
        )
    return tuple(axis for axis in range(-rank, 0) if axis != kept)


def group_scale(
    w: Tensor, groups: str, scale_by_size: bool
) -> tuple[tuple[int, ...], float]:
    """Return the axes inside a group, and the factor √|g| of its norm.

    Args:
        w: The kernel.
        groups: As in `group_axes`.
        scale_by_size: Whether the factor is that; else it is 1.
    """
    axes = group_axes(w, groups)
    return axes, math.sqrt(_group_size(w, axes)) if scale_by_size else 1.0


def group_rows(xp: Namespace, w: Tensor, groups: str) -> Tensor:
    """Return the kernel as a matrix with one group a row.

    Args:
        xp: A namespace.
        w: The kernel, or a metric of its shape.
        groups: As in `group_axes`.

    Returns:
        Tensor of shape (number of groups, group size).
    """
    axes, order = _groups_first(w, groups)
    return xp.reshape(xp.transpose(w, order), (-1, _group_size(w, axes)))


def from_group_rows(xp: Namespace, rows: Tensor, like: Tensor, groups: str) -> Tensor:
    """Undo `group_rows`.

    Args:
        xp: A namespace.
        rows: Tensor of shape (number of groups, group size).
        like: A tensor of the kernel's shape.
        groups: As in `group_axes`.

    Returns:
        Tensor of the shape of `like`.
    """
    _, order = _groups_first(like, groups)
    permuted = xp.reshape(rows, [int(like.shape[axis]) for axis in order])
    return xp.transpose(permuted, [order.index(axis) for axis in range(len(order))])


def as_matrix(xp: Namespace, w: Tensor) -> Tensor:
    """Return a kernel or stack as a matrix: its last axis against all others.

    Args:
        xp: A namespace.
        w: Tensor with one axis or more.
    """
    return xp.reshape(w, (-1, int(w.shape[-1])))


def _groups_first(w: Tensor, groups: str) -> tuple[tuple[int, ...], list[int]]:
    """Return the axes inside a group, and all axes with those in the end."""
    axes = group_axes(w, groups)
    rank = len(w.shape)
    kept = [axis for axis in range(-rank, 0) if axis not in axes]
    return axes, [axis + rank for axis in (*kept, *axes)]


def _group_size(w: Tensor, axes: tuple[int, ...]) -> int:
    return math.prod(int(w.shape[axis]) for axis in axes)


def entry_distances(
    xp: Namespace, w: Tensor, gradient: Tensor, slope: Tensor
) -> Tensor:
    """Return the distance of every entry of -gradient to slope · ∂|w|.

    Args:
        xp: A namespace.
        w: Weights.
        gradient: Gradient of everything smooth at `w`.
        slope: Scalar, or tensor that broadcasts with `w`, at least 0.

    Returns:
        Tensor of the shape of `w`.
    """
    at_zero = xp.maximum(xp.abs(gradient) - slope, 0.0)
    elsewhere = xp.abs(gradient + slope * xp.sign(w))
    return xp.where(w == 0, at_zero, elsewhere)


def group_distance(
    xp: Namespace, w: Tensor, gradient: Tensor, strength: Tensor, axes: tuple[int, ...]
) -> Tensor:
    """Return the largest distance, over groups, of -gradient to ∂(strength · ‖w_g‖).

    Args:
        xp: A namespace.
        w: Weights.
        gradient: Gradient of everything smooth at `w`.
        strength: λ, at least 0.
        axes: The axes that run inside a group.

    Returns:
        Scalar tensor.
    """
    removed, direction = directions(xp, w, axes)
    elsewhere = safe_norm(xp, gradient + strength * direction, axes, keepdims=True)
    at_zero = safe_norm(xp, gradient, axes, keepdims=True) - strength
    return xp.max(xp.where(removed, xp.maximum(at_zero, 0.0), elsewhere))


def directions(
    xp: Namespace, w: Tensor, axes: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Return which groups are zero, and w_g / ‖w_g‖ of the others.

    Args:
        xp: A namespace.
        w: Weights.
        axes: The axes that run inside a group.
    """
    norm = safe_norm(xp, w, axes, keepdims=True)
    return norm == 0, w / xp.where(norm > 0, norm, xp.ones_like(norm))
