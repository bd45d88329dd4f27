"""The projection onto vectors with at most k non-zeros."""

from keras import ops

from polytask.regularizers._tensor import Tensor


def project_top_k(v: Tensor, count: int, metric: Tensor) -> Tensor:
    """Return v with all but the `count` entries of largest D v² set to zero.

    Args:
        v: Tensor; all its entries compete.
        count: Number of entries kept, at least 0. Of equal ones, the first stay.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.

    Returns:
        Tensor of the shape of `v`.
    """
    size = ops.reshape(ops.abs(v) * ops.sqrt(ops.ones_like(v) * metric), (-1,))
    if count >= int(size.shape[0]):
        return v
    # The rank of every entry is the inverse of the sorting permutation.
    rank = ops.argsort(ops.argsort(-size))
    kept = ops.reshape(rank < count, v.shape)
    return ops.where(kept, v, ops.zeros_like(v))
