"""The best clusters of numbers on a line."""

from typing import Any

from polytask.numeric.namespace import working_dtype

INFINITE = float("inf")


def cluster_means(ops: Any, values: Any, clusters: int, present: Any) -> Any:
    """Replace each number by the mean of its cluster, in the best clustering.

    Of all partitions into at most so many clusters it is one of the least sum of
    squared distances to the means. On a line clusters are intervals, and dynamic
    programming over their ends finds them: no start, no iterations.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        values: (T,) numbers.
        clusters: Largest number of clusters.
        present: (T,) bool; absent numbers belong to no cluster, and get 0.

    Returns:
        (T,) means.

    Source:
        H. Wang, M. Song (2011), Ckmeans.1d.dp: optimal k-means clustering in one
        dimension by dynamic programming.
    """
    dtype = working_dtype(ops)
    size = values.shape[0]
    x = ops.cast(values, dtype)
    order = ops.argsort(ops.where(present, x, INFINITE))
    count = ops.sum(ops.cast(present, "int32"))
    ordered = ops.take(ops.where(present, x, 0.0), order)
    # Entry (i, j, k) says whether interval i ... j holds place k.
    place = ops.arange(size)
    after = place[:, None] <= place[None, :]
    inside = after[:, None, :] & ops.transpose(after)[None, :, :] & after[:, :, None]
    inside = ops.cast(inside, dtype)
    length = ops.maximum(ops.sum(inside, axis=-1), 1.0)
    mean = ops.matmul(inside, ordered) / length
    cost = ops.sum(inside * (ordered[None, None, :] - mean[:, :, None]) ** 2, axis=-1)
    cost = ops.where(after, cost, INFINITE)
    # best[j]: the least cost of the first j numbers.
    best = ops.where(ops.arange(size + 1) > 0, ops.cast(INFINITE, dtype), 0.0)
    starts = []
    for _ in range(clusters):
        through = best[:-1, None] + cost
        starts.append(ops.argmin(through, axis=0))
        best = ops.concatenate([best[:1], ops.min(through, axis=0)])
    means = ops.zeros_like(ordered)
    end = count
    for start_of in reversed(starts):
        last = ops.maximum(end - 1, 0)
        start = ops.where(end > 0, ops.cast(ops.take(start_of, last), "int32"), 0)
        of_cluster = (place >= start) & (place < end)
        own = ops.take(ops.take(mean, start, axis=0), last, axis=0)
        means = ops.where(of_cluster, own, means)
        end = start
    return ops.take(means, ops.argsort(order))
