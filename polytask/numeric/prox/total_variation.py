"""The prox of the sum of absolute differences of neighbors."""

from keras import ops

from polytask.regularizers._tensor import Tensor


def _crossing(knots: Tensor, values: Tensor, target: Tensor, slope: Tensor) -> Tensor:
    """Return where an increasing piecewise-linear function reaches `target`.

    Args:
        knots: Where its slope changes, in any order, shape (..., m).
        values: Its values there, shape (..., m).
        target: Scalar.
        slope: Its slope beyond the outermost knots, shape (..., 1).

    Returns:
        The argument, shape (..., 1).
    """
    below = values <= target
    left, left_value = (
        ops.max(ops.where(below, x, -float("inf")), axis=-1, keepdims=True)
        for x in (knots, values)
    )
    right, right_value = (
        ops.min(ops.where(below, float("inf"), x), axis=-1, keepdims=True)
        for x in (knots, values)
    )
    any_left = ops.any(below, axis=-1, keepdims=True)
    any_right = ops.any(ops.logical_not(below), axis=-1, keepdims=True)
    both = ops.logical_and(any_left, any_right)
    # Where one side is missing, its infinite values must not reach the arithmetic.
    left = ops.where(any_left, left, ops.zeros_like(left))
    left_value = ops.where(any_left, left_value, ops.zeros_like(left))
    width = ops.where(both, right - left, ops.zeros_like(left))
    rise = ops.where(both, right_value - left_value, ops.ones_like(left))
    return ops.where(
        both,
        left + (target - left_value) * (width / rise),
        ops.where(
            any_left,
            left + (target - left_value) / slope,
            right - (right_value - target) / slope,
        ),
    )


def total_variation(v: Tensor, threshold: Tensor, metric: Tensor) -> Tensor:
    """Return argmin over w of ½(w - v)ᵀD(w - v) + threshold · Σ|w_t - w_(t+1)|.

    Dynamic programming: the derivative of the best cost of the first t entries, as a
    function of entry t, is piecewise linear and increasing; each step clips it to
    ±threshold and adds the next entry's D(w - v). All vectors advance together, one
    entry at a time.

    Args:
        v: Tensor; each vector along the last axis is treated.
        threshold: Scalar, at least 0.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.

    Returns:
        Tensor of the shape of `v`; fused neighbors are exactly equal.

    Source:
        Johnson, "A Dynamic Programming Algorithm for the Fused Lasso and
        L0-Segmentation", J. Comput. Graph. Stat. 2013.
    """
    length = int(v.shape[-1])
    weights = ops.ones_like(v) * metric
    if length == 1:
        return v
    entry, weight = v[..., :1], weights[..., :1]
    lows, highs = [entry - threshold / weight], [entry + threshold / weight]
    edge = ops.ones_like(entry) * threshold
    knots = ops.concatenate([lows[0], highs[0]], axis=-1)
    clipped = ops.concatenate([-edge, edge], axis=-1)
    for t in range(1, length):
        entry, weight = v[..., t : t + 1], weights[..., t : t + 1]
        values = clipped + weight * (knots - entry)
        if t < length - 1:
            lows.append(_crossing(knots, values, -threshold, weight))
            highs.append(_crossing(knots, values, threshold, weight))
            knots = ops.concatenate([knots, lows[-1], highs[-1]], axis=-1)
            clipped = ops.concatenate(
                [ops.clip(values, -threshold, threshold), -edge, edge], axis=-1
            )
    solution = [_crossing(knots, values, 0.0 * threshold, weight)]
    for low, high in zip(reversed(lows), reversed(highs), strict=True):
        solution.append(ops.minimum(ops.maximum(solution[-1], low), high))
    return ops.concatenate(solution[::-1], axis=-1)
