"""Proxes and projections of vectors, by sorting or by dynamic programming.

Each treats all vectors along the last axis at once.
"""

from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox.entries import soft_threshold


def _water_level(
    xp: Namespace,
    keys: Tensor,
    numerators: Tensor,
    denominators: Tensor,
    offset: Tensor,
    base: Tensor,
) -> Tensor:
    """Return the largest (Σ numerators - offset) / (base + Σ denominators) of a prefix.

    The prefixes are those of the last axis sorted by falling key, where key =
    numerator / denominator. Adding an entry raises the ratio exactly while its key
    exceeds the ratio so far, so the largest ratio is the level at which the entries
    above it balance: the threshold of a simplex projection, the cap of L1,∞, the
    shrinkage of the exclusive lasso.

    Args:
        xp: A namespace.
        keys: Tensor of shape (..., n).
        numerators: Tensor of shape (..., n).
        denominators: Tensor of that shape, or one for all, above 0.
        offset: Scalar.
        base: Scalar, at least 0.

    Returns:
        Tensor of shape (..., 1).

    Source:
        Held, Wolfe and Crowder, "Validation of subgradient optimization", Math.
        Program. 1974 (for the simplex).
    """
    if len(denominators.shape):
        order = xp.flip(xp.argsort(keys, axis=-1), axis=-1)
        falling = xp.take_along_axis(numerators, order, axis=-1)
        bottom = xp.cumsum(xp.take_along_axis(denominators, order, axis=-1), axis=-1)
    else:
        # Then keys and numerators are in the same order.
        falling = xp.flip(xp.sort(numerators, axis=-1), axis=-1)
        count = xp.arange(1, int(numerators.shape[-1]) + 1, dtype=numerators.dtype)
        bottom = denominators * count
    top = xp.cumsum(falling, axis=-1)
    return xp.max((top - offset) / (base + bottom), axis=-1, keepdims=True)


def project_simplex(xp: Namespace, v: Tensor, total: float, metric: Tensor) -> Tensor:
    """Return the nearest point, in the metric D, with w ≥ 0 and Σ w = total.

    Args:
        xp: A namespace.
        v: Tensor; each vector along the last axis is projected.
        total: The sum, above 0.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.

    Returns:
        Tensor of the shape of `v`.

    Source:
        Duchi et al., "Efficient Projections onto the l1-Ball for Learning in High
        Dimensions", ICML 2008.
    """
    inverse = 1 / metric
    level = _water_level(xp, v * metric, v, inverse, total, 0.0)
    return xp.maximum(v - level * inverse, 0.0)


def project_l1_ball(xp: Namespace, v: Tensor, radius: float, metric: Tensor) -> Tensor:
    """Return the nearest point, in the metric D, with Σ|w| ≤ radius.

    Args:
        xp: A namespace.
        v: Tensor; each vector along the last axis is projected.
        radius: The radius, above 0.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.

    Returns:
        Tensor of the shape of `v`; a vector inside the ball is returned unchanged.

    Source:
        Duchi et al., "Efficient Projections onto the l1-Ball for Learning in High
        Dimensions", ICML 2008.
    """
    size = xp.abs(v)
    inverse = 1 / metric
    level = xp.maximum(_water_level(xp, size * metric, size, inverse, radius, 0.0), 0.0)
    outside = xp.sum(size, axis=-1, keepdims=True) > radius
    return xp.where(outside, soft_threshold(xp, v, level * inverse), v)


def max_soft_threshold(
    xp: Namespace, v: Tensor, threshold: Tensor, metric: Tensor
) -> Tensor:
    """Return argmin over w of ½(w - v)ᵀD(w - v) + threshold · max|w| per vector.

    The largest entries are cut to a common cap at which Σ D (|v| - cap)₊ equals the
    threshold; the cap is 0 if Σ D |v| ≤ threshold.

    Args:
        xp: A namespace.
        v: Tensor; each vector along the last axis is treated.
        threshold: Scalar, at least 0.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.

    Returns:
        Tensor of the shape of `v`; removed vectors are exactly 0.0, and cut entries
        have exactly the same absolute value.

    Source:
        Quattoni et al., "An efficient projection for L1,∞ regularization", ICML 2009.
    """
    size = xp.abs(v)
    cap = xp.maximum(_water_level(xp, size, metric * size, metric, threshold, 0.0), 0.0)
    return xp.clip(v, -cap, cap)


def exclusive_soft_threshold(
    xp: Namespace, v: Tensor, strength: Tensor, metric: Tensor
) -> Tensor:
    """Return argmin over w of ½(w - v)ᵀD(w - v) + ½ · strength · (Σ|w|)² per vector.

    Args:
        xp: A namespace.
        v: Tensor; each vector along the last axis is treated.
        strength: Scalar, at least 0; step · λ.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.

    Returns:
        Tensor of the shape of `v`.

    Source:
        Zhou, Jin and Hoi, "Exclusive Lasso for Multi-task Feature Selection",
        AISTATS 2010.
    """
    size = xp.abs(v)
    inverse = 1 / metric
    numerators, denominators = strength * size, strength * inverse
    level = _water_level(xp, size * metric, numerators, denominators, 0.0, 1.0)
    return soft_threshold(xp, v, level * inverse)


def dirty_threshold(
    xp: Namespace, v: Tensor, shared: Tensor, private: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the P, Q that minimize ½‖P + Q - v‖² + shared·max|P| + private·Σ|Q|.

    By Moreau's identity the residual v - P - Q is the projection of v onto the box of
    half-width `private` intersected with the L1 ball of radius `shared`. With the
    common cap θ of P, its entries are min((|v| - θ)₊, private), and their sum, which
    falls piecewise linearly in θ, is `shared`; θ = 0 where v's own clipped sum is
    smaller.

    Args:
        xp: A namespace.
        v: Tensor; each vector along the last axis is treated.
        shared: Scalar, at least 0; step · λ of the shared part / D.
        private: Scalar, at least 0; step · λ of the private part / D.

    Returns:
        `(p, q)` of the shape of `v`.
    """
    size = xp.abs(v)
    knots = xp.concatenate(
        [xp.zeros_like(size[..., :1]), size, xp.maximum(size - private, 0.0)], axis=-1
    )
    excess = xp.maximum(size[..., None, :] - knots[..., :, None], 0.0)
    sums = xp.sum(xp.minimum(excess, private), axis=-1)
    cap = xp.maximum(_crossing(xp, knots, -sums, -shared, 1.0), 0.0)
    p = xp.sign(v) * xp.minimum(size, cap)
    return p, soft_threshold(xp, v - p, private)


def sparse_group_dual_norm(xp: Namespace, v: Tensor, l1: float, group: float) -> Tensor:
    """Return the smallest c with ‖S(v, c · l1)‖ ≤ c · group for each vector.

    It is the dual norm of l1·Σ|w| + group·‖w‖. With the k largest entries above the
    threshold, c solves a quadratic equation; the right k is the largest whose c leaves
    the k-th entry above, and the c of smaller ones is smaller.

    Args:
        xp: A namespace.
        v: Tensor; each vector along the last axis is treated.
        l1: At least 0.
        group: At least 0, not both 0.

    Returns:
        Tensor of shape (..., 1).

    Source:
        Ndiaye, Fercoq, Gramfort and Salmon, "GAP Safe Screening Rules for Sparse-Group
        Lasso", NeurIPS 2016.
    """
    size = xp.flip(xp.sort(xp.abs(v), axis=-1), axis=-1)
    largest = size[..., :1]
    size = size / xp.where(largest > 0, largest, xp.ones_like(largest))
    count = xp.cumsum(xp.ones_like(size), axis=-1)
    sums = l1 * xp.cumsum(size, axis=-1)
    squares = xp.cumsum(xp.square(size), axis=-1)
    rest = xp.square(sums) - (count * l1**2 - group**2) * squares
    below = sums + xp.sqrt(xp.maximum(rest, 0.0))
    level = squares / xp.where(below > 0, below, xp.ones_like(below))
    # One entry is always above; rounding must not say otherwise.
    reached = (size >= l1 * level) | (count == 1)
    level = xp.where(reached, level, xp.zeros_like(level))
    return largest * xp.max(level, axis=-1, keepdims=True)


def cluster_memberships(xp: Namespace, s: Tensor, total: float, eta: Tensor) -> Tensor:
    """Return m = clip(s/c - eta, 0, 1) with Σ m = total.

    Args:
        xp: A namespace.
        s: Vector of numbers of at least 0, the largest of order 1.
        total: The sum, above 0.
        eta: Scalar, above 0.

    Returns:
        Vector of the shape of `s`; 1 for all entries above zero if they are fewer than
        the sum.

    Source:
        McDonald, Pontil and Stamos, "New Perspectives on k-Support and Cluster Norms",
        JMLR 2016.
    """
    positive = xp.where(s > 0, s, xp.ones_like(s))
    # The sum rises piecewise linearly in y = 1/c, with these knots.
    knots = xp.concatenate([eta / positive, (1 + eta) / positive], axis=0)
    sums = xp.sum(xp.clip(knots[:, None] * s[None, :] - eta, 0.0, 1.0), axis=-1)
    return xp.clip(_crossing(xp, knots, sums, total, 1.0) * s - eta, 0.0, 1.0)


def _crossing(
    xp: Namespace, knots: Tensor, values: Tensor, target: Tensor, slope: Tensor
) -> Tensor:
    """Return where an increasing piecewise-linear function reaches `target`.

    Args:
        xp: A namespace.
        knots: Where its slope changes, in any order, shape (..., m).
        values: Its values there, shape (..., m).
        target: Scalar.
        slope: Its slope beyond the outermost knots, above 0, shape (..., 1) or scalar.

    Returns:
        The argument, shape (..., 1).
    """
    below = values <= target
    any_left = xp.any(below, axis=-1, keepdims=True)
    any_right = xp.logical_not(xp.all(below, axis=-1, keepdims=True))
    left, left_value = (
        xp.max(xp.where(below, x, -float("inf")), axis=-1, keepdims=True)
        for x in (knots, values)
    )
    right, right_value = (
        xp.min(xp.where(below, float("inf"), x), axis=-1, keepdims=True)
        for x in (knots, values)
    )
    # Where one side is missing, its infinite values must not reach the arithmetic.
    left, left_value = (xp.where(any_left, x, 0.0) for x in (left, left_value))
    right, right_value = (xp.where(any_right, x, 0.0) for x in (right, right_value))
    both = xp.logical_and(any_left, any_right)
    rise = xp.where(both, right_value - left_value, 1.0)
    between = left + (target - left_value) * ((right - left) / rise)
    after = left + (target - left_value) / slope
    before = right - (right_value - target) / slope
    return xp.where(both, between, xp.where(any_left, after, before))


def total_variation(
    xp: Namespace, v: Tensor, threshold: Tensor, metric: Tensor
) -> Tensor:
    """Return argmin over w of ½(w - v)ᵀD(w - v) + threshold · Σ|w_t - w_(t+1)|.

    Dynamic programming: the derivative of the best cost of the first t entries, as a
    function of entry t, is piecewise linear and increasing; each step clips it to
    ±threshold and adds the next entry's D(w - v). All vectors advance together, one
    entry at a time.

    Args:
        xp: A namespace.
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
    if length == 1:
        return v
    weights = xp.ones_like(v) * metric
    entry, weight = v[..., :1], weights[..., :1]
    lows, highs = [entry - threshold / weight], [entry + threshold / weight]
    edge = xp.ones_like(entry) * threshold
    knots = xp.concatenate([lows[0], highs[0]], axis=-1)
    clipped = xp.concatenate([-edge, edge], axis=-1)
    for t in range(1, length):
        entry, weight = v[..., t : t + 1], weights[..., t : t + 1]
        values = clipped + weight * (knots - entry)
        if t < length - 1:
            lows.append(_crossing(xp, knots, values, -threshold, weight))
            highs.append(_crossing(xp, knots, values, threshold, weight))
            knots = xp.concatenate([knots, lows[-1], highs[-1]], axis=-1)
            clipped = xp.concatenate(
                [xp.clip(values, -threshold, threshold), -edge, edge], axis=-1
            )
    solution = [_crossing(xp, knots, values, 0.0, weight)]
    for low, high in zip(reversed(lows), reversed(highs), strict=True):
        solution.append(xp.minimum(xp.maximum(solution[-1], low), high))
    return xp.concatenate(solution[::-1], axis=-1)
