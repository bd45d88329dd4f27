"""The nearest point of the probability simplex."""

from polytask.numeric.namespace import Namespace, Tensor


def project_on_simplex(ops: Namespace, point: Tensor, present: Tensor) -> Tensor:
    """Return the Euclidean projection of a point on the simplex of present tasks.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        point: (T,) vector.
        present: (T,) bool; absent tasks get 0.

    Returns:
        (T,) non-negative vector with sum 1.

    Source:
        J. Duchi et al. (2008), Efficient projections onto the l1-ball for learning in
        high dimensions.
    """
    # Only differences between coordinates matter; absent ones sort behind all.
    top = ops.max(ops.where(present, point, -3e38))
    point = ops.where(present, point - top, 0.0)
    below = ops.where(present, point, -2.0)
    decreasing = -ops.sort(-below)
    rank = ops.cumsum(ops.ones_like(point))
    threshold = (ops.cumsum(decreasing) - 1.0) / rank
    support = decreasing > threshold
    count = ops.sum(ops.cast(support, point.dtype))
    shift = (ops.sum(ops.where(support, decreasing, 0.0)) - 1.0) / count
    return ops.where(present, ops.maximum(point - shift, 0.0), 0.0)
