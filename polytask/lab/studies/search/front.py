"""The trials that no other beats in every task, and the one that is a fair middle."""

from collections.abc import Sequence

import numpy as np


def front(losses: Sequence[Sequence[float]]) -> list[int]:
    """Return the places of the points that no other dominates.

    One dominates another if it is nowhere worse and somewhere better. Of equal points
    the first one stays; a point with NaN is none.

    Args:
        losses: Points (n, tasks), smaller is better.

    Returns:
        Places, by the first task's loss.

    Example:
        >>> front([[1, 3], [2, 2], [3, 3], [3, 1]])
        [0, 1, 3]
    """
    points = np.asarray(losses, dtype=float)
    finite = [i for i, point in enumerate(points) if np.isfinite(point).all()]
    kept = [
        i
        for i in finite
        if not any(
            (points[j] <= points[i]).all() and ((points[j] < points[i]).any() or j < i)
            for j in finite
            if j != i
        )
    ]
    return sorted(kept, key=lambda i: tuple(points[i]))


def knee(losses: Sequence[Sequence[float]]) -> int:
    """Return the place of the point of a front where giving way pays least.

    Each task's losses are brought to [0, 1] over the front; the knee lies closest to
    the corner where every task is at its best.

    Args:
        losses: The points of a front (n, tasks).

    Source:
        Zeleny, "Compromise Programming", in: Multiple Criteria Decision Making, 1973.

    Example:
        >>> knee([[0.0, 1.0], [0.2, 0.2], [1.0, 0.0]])
        1
    """
    points = np.asarray(losses, dtype=float)
    low, high = points.min(axis=0), points.max(axis=0)
    extent = np.where(high > low, high - low, 1.0)
    return int(np.argmin(np.linalg.norm((points - low) / extent, axis=1)))
