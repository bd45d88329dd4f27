"""Mean and variance of the values that count."""

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
