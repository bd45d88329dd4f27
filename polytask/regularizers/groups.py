"""The one place that knows which axes of a kernel belong together."""

import math
from typing import Any

from keras import ops

from polytask.errors import UserError, nearest
from polytask.regularizers._tensor import Tensor

# What is kept apart: the axis of the kernel that numbers the groups.
_GROUP_AXIS: dict[str, int | None] = {
    "inputs": -2,
    "channels": -2,
    "units": -1,
    "filters": -1,
    "all": None,
}


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


def group_size(w: Tensor, axes: tuple[int, ...]) -> int:
    """Return the number of weights in one group.

    Args:
        w: The kernel.
        axes: The axes inside a group, from `group_axes`.

    Returns:
        The number.
    """
    return math.prod(int(w.shape[axis]) for axis in axes)


def group_rows(w: Tensor, groups: str) -> Tensor:
    """Return the kernel as a matrix with one group a row.

    Args:
        w: The kernel, or a metric of its shape.
        groups: As in `group_axes`.

    Returns:
        Tensor of shape (number of groups, group size).
    """
    axes = group_axes(w, groups)
    rank = len(w.shape)
    kept = [axis for axis in range(-rank, 0) if axis not in axes]
    order = [axis + rank for axis in (*kept, *axes)]
    return ops.reshape(ops.transpose(w, order), (-1, group_size(w, axes)))


def from_group_rows(rows: Tensor, like: Tensor, groups: str) -> Tensor:
    """Undo `group_rows`.

    Args:
        rows: Tensor of shape (number of groups, group size).
        like: A tensor of the kernel's shape.
        groups: As in `group_axes`.

    Returns:
        Tensor of the shape of `like`.
    """
    axes = group_axes(like, groups)
    rank = len(like.shape)
    kept = [axis for axis in range(-rank, 0) if axis not in axes]
    order = [axis + rank for axis in (*kept, *axes)]
    permuted = ops.reshape(rows, [int(like.shape[axis]) for axis in order])
    return ops.transpose(permuted, [order.index(axis) for axis in range(rank)])
