"""The prox of norms that weigh entries by their rank."""

from polytask.numeric.namespace import Namespace, Tensor


def decreasing(xp: Namespace, z: Tensor) -> Tensor:
    """Return the nearest vector whose entries do not rise.

    Neighbors that rise are pooled into a block with their mean, all of them at once,
    until none are left: the order of the pooling does not matter.

    Args:
        xp: A namespace.
        z: Vector.

    Returns:
        Vector of the shape of `z`.

    Source:
        Barlow, Bartholomew, Bremner and Brunk, "Statistical Inference under Order
        Restrictions", 1972 (pool adjacent violators).

    Example:
        >>> from keras import ops
        >>> ops.convert_to_numpy(decreasing(ops, ops.array([3.0, 1.0, 2.0]))).tolist()
        [3.0, 1.5, 1.5]
    """
    size = int(z.shape[0])
    ones = xp.ones_like(z)
    never = xp.zeros((1,), dtype="bool")

    def means(starts: Tensor) -> Tensor:
        block = xp.cumsum(xp.cast(starts, "int32"), axis=0) - 1
        sums, counts = (xp.segment_sum(x, block, num_segments=size) for x in (z, ones))
        return xp.take(sums / xp.maximum(counts, 1.0), block, axis=0)

    def rises(level: Tensor) -> Tensor:
        return xp.concatenate([never, level[1:] > level[:-1]], axis=0)

    def pool(starts: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        starts = xp.logical_and(starts, xp.logical_not(rises(level)))
        return starts, means(starts)

    _, level = xp.while_loop(
        lambda starts, level: xp.any(rises(level)),
        pool,
        (xp.ones((size,), dtype="bool"), z),
    )
    return level


def sorted_soft_threshold(xp: Namespace, v: Tensor, thresholds: Tensor) -> Tensor:
    """Return argmin over w of ½‖w - v‖² + Σ_i thresholds_i |w|_(i).

    |w|_(1) is the largest absolute value. Entries close to each other become equal.

    Args:
        xp: A namespace.
        v: Vector.
        thresholds: Vector of as many numbers of at least 0 that do not rise.

    Returns:
        Vector of the shape of `v`; what is removed is exactly 0.0.

    Source:
        Bogdan, van den Berg, Sabatti, Su and Candès, "SLOPE: Adaptive Variable
        Selection via Convex Optimization", Ann. Appl. Stat. 2015.
    """
    size = xp.abs(v)
    order = xp.argsort(-size, axis=0)
    level = decreasing(xp, xp.take(size, order, axis=0) - thresholds)
    level = xp.take(xp.maximum(level, 0.0), xp.argsort(order, axis=0), axis=0)
    return xp.sign(v) * level


def sorted_dual_norm(xp: Namespace, v: Tensor, weights: Tensor) -> Tensor:
    """Return max over k of Σ_{i≤k} |v|_(i) / Σ_{i≤k} weights_i.

    Args:
        xp: A namespace.
        v: Vector.
        weights: Vector of as many numbers that do not rise, the first above 0.

    Returns:
        Scalar: the dual of the norm Σ_i weights_i |w|_(i).
    """
    falling = xp.flip(xp.sort(xp.abs(v), axis=0), axis=0)
    return xp.max(xp.cumsum(falling, axis=0) / xp.cumsum(weights, axis=0))
