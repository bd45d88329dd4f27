"""The prox of the sum of absolute differences of neighbors."""

import numpy as np


def _crossing(
    knots: np.ndarray, values: np.ndarray, target: float, slope: float
) -> np.ndarray:
    """Return where increasing piecewise-linear functions reach `target`.

    Args:
        knots: Where the slope changes, in any order (rows, m).
        values: The values there (rows, m).
        target: The value wanted.
        slope: The slope beyond the outermost knots.

    Returns:
        The arguments, (rows, 1).
    """
    below = values <= target
    left, left_value = (
        np.max(np.where(below, x, -np.inf), axis=1) for x in (knots, values)
    )
    right, right_value = (
        np.min(np.where(below, np.inf, x), axis=1) for x in (knots, values)
    )
    first, last = ~below.any(axis=1), below.all(axis=1)
    both = ~(first | last)
    found = np.empty(knots.shape[0])
    found[last] = left[last] + (target - left_value[last]) / slope
    found[first] = right[first] - (right_value[first] - target) / slope
    part = (target - left_value[both]) / (right_value[both] - left_value[both])
    found[both] = left[both] + part * (right[both] - left[both])
    return found[:, None]


def total_variation(v: np.ndarray, threshold: float) -> np.ndarray:
    """Return argmin over w of ½‖w - v‖² + threshold · Σ|w_t - w_(t+1)| for each row.

    Dynamic programming over the columns, all rows at once: the derivative of the
    best cost so far is piecewise linear and is clipped to ±threshold at each step.

    Args:
        v: Array (rows, columns).
        threshold: At least 0.

    Returns:
        Array of the shape of `v`; fused neighbors are exactly equal.

    Source:
        Johnson, "A Dynamic Programming Algorithm for the Fused Lasso and
        L0-Segmentation", J. Comput. Graph. Stat. 2013.
    """
    length = v.shape[1]
    if length == 1 or threshold == 0:
        return v.copy()
    lows, highs = [v[:, :1] - threshold], [v[:, :1] + threshold]
    edge = np.full((v.shape[0], 1), threshold)
    knots = np.hstack([lows[0], highs[0]])
    clipped = np.hstack([-edge, edge])
    for t in range(1, length):
        values = clipped + knots - v[:, t : t + 1]
        if t < length - 1:
            lows.append(_crossing(knots, values, -threshold, 1.0))
            highs.append(_crossing(knots, values, threshold, 1.0))
            knots = np.hstack([knots, lows[-1], highs[-1]])
            clipped = np.hstack([np.clip(values, -threshold, threshold), -edge, edge])
    solution = [_crossing(knots, values, 0.0, 1.0)]
    for low, high in zip(reversed(lows), reversed(highs), strict=True):
        solution.append(np.clip(solution[-1], low, high))
    return np.hstack(solution[::-1])
