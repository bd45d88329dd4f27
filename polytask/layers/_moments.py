"""Means and variances of the rows and positions that count."""

from typing import Any

from keras import ops


def counted(x: Any, mask: Any) -> Any:
    """Return (rows, ..., 1) float32: 1 where a position counts, 0 where it is padded.

    Args:
        x: Features (rows, ..., channels).
        mask: Boolean of the shape of `x` without channels, or None.
    """
    if mask is None:
        return ops.ones_like(x[..., :1])
    return ops.expand_dims(ops.cast(mask, "float32"), -1)


def counted_moments(x: Any, weights: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """Return mean and variance over some axes, which stay with length 1.

    Args:
        x: Float32 features.
        weights: Float32 that broadcasts with `x`, 0 for what does not count.
        axes: The axes.
    """
    weights = weights * ops.ones_like(x)
    count = ops.maximum(ops.sum(weights, axis=axes, keepdims=True), 1.0)
    mean = ops.sum(weights * x, axis=axes, keepdims=True) / count
    squares = weights * ops.square(x - mean)
    return mean, ops.sum(squares, axis=axes, keepdims=True) / count


def group_moments(x: Any, members: Any, mask: Any = None) -> tuple[Any, Any, Any]:
    """Return for each group of rows how many values it has, their mean and variance.

    Args:
        x: Float32 features (rows, ..., channels).
        members: Float32 (rows, groups), 1 where a row belongs to a group.
        mask: Boolean of the shape of `x` without channels, false for what does not
            count; or None.

    Returns:
        The number of values, (groups, 1), and the mean and the variance, divided by
        that number, (groups, channels). A group without a value has zeros.
    """
    rows, channels = ops.shape(x)[0], x.shape[-1]
    flat = ops.reshape(x, (rows, -1, channels))
    weights = ops.ones_like(flat[:, :, :1])
    if mask is not None:
        weights = weights * ops.reshape(ops.cast(mask, "float32"), (rows, -1, 1))
        flat = ops.where(weights > 0, flat, 0.0)
    to_groups = ops.transpose(members)
    counts = ops.matmul(to_groups, ops.sum(weights, axis=1))
    divisor = ops.maximum(counts, 1.0)
    mean = ops.matmul(to_groups, ops.sum(weights * flat, axis=1)) / divisor
    centered = flat - ops.expand_dims(ops.matmul(members, mean), 1)
    squares = ops.sum(weights * ops.square(centered), axis=1)
    return counts, mean, ops.matmul(to_groups, squares) / divisor


def unbiased(variance: Any, counts: Any) -> Any:
    """Return a variance of `counts` values divided by one value less."""
    return variance * ops.maximum(counts, 1.0) / ops.maximum(counts - 1.0, 1.0)
