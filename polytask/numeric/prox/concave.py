"""Proxes of penalties that grow ever more slowly, so that large weights stay.

Their objectives have two minima, at zero and further out; the lower one is taken.
"""

from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox.entries import soft_threshold

# Newton's steps; from above, on a convex function, they square the error.
_NEWTON_STEPS = 12

# Halvings of an interval: as many as a float32 has digits.
_HALVINGS = 30


def log_sum_threshold(
    xp: Namespace, v: Tensor, strength: Tensor, epsilon: float
) -> Tensor:
    """Return argmin over w of ½(w - v)² + strength · log(1 + |w| / ε), by entry.

    Args:
        xp: A namespace.
        v: Tensor.
        strength: Tensor that broadcasts with `v`, at least 0; step · λ / D.
        epsilon: ε, above 0.

    Returns:
        Tensor of the shape of `v`.

    Source:
        Gong, Zhang, Lu, Huang and Ye, "A General Iterative Shrinkage and Thresholding
        Algorithm for Non-convex Regularized Optimization Problems", ICML 2013.
    """
    size = xp.abs(v)
    # Where the derivative w - v + strength / (ε + w) vanishes for the second time.
    square = xp.square(size + epsilon) - 4 * strength
    root = xp.sqrt(xp.maximum(square, 0.0))
    far = xp.maximum(0.5 * (size - epsilon + root), 0.0)
    cost = 0.5 * xp.square(far - size) + strength * xp.log(1 + far / epsilon)
    kept = (square > 0) & (cost < 0.5 * xp.square(size))
    return xp.where(kept, xp.sign(v) * far, xp.zeros_like(v))


def capped_threshold(
    xp: Namespace, v: Tensor, strength: Tensor, cap: float, by_row: bool = False
) -> Tensor:
    """Return argmin over w of ½‖w - v‖² + strength · min(|w|, cap).

    The penalty is the smaller of two, so the minimum is the better of theirs: a soft
    threshold, and v itself at the price of the cap.

    Args:
        xp: A namespace.
        v: Tensor.
        strength: Tensor that broadcasts with `v`, at least 0; step · λ / D.
        cap: What |w| costs at most, above 0.
        by_row: Whether |w| is the sum of absolute values of a vector along the last
            axis, in place of that of an entry.

    Returns:
        Tensor of the shape of `v`.

    Source:
        Gong, Ye and Zhang, "Multi-Stage Multi-Task Feature Learning", JMLR 2013.
    """
    small = soft_threshold(xp, v, strength)
    cost = 0.5 * xp.square(small - v) + strength * xp.abs(small)
    if by_row:
        cost = xp.sum(cost, axis=-1, keepdims=True)
    return xp.where(cost <= strength * cap, small, v)


def power_threshold(xp: Namespace, v: Tensor, strength: Tensor, power: float) -> Tensor:
    """Return argmin over w of ½(w - v)² + strength · |w|^q, entry by entry.

    Args:
        xp: A namespace.
        v: Tensor.
        strength: Tensor that broadcasts with `v`, at least 0; step · λ / D.
        power: q, between 0 and 1.

    Returns:
        Tensor of the shape of `v`.

    Source:
        Marjanovic and Solo, "On l_q Optimization and Matrix Completion", IEEE Trans.
        Signal Processing 2012.
    """
    size = xp.abs(v)
    # The smallest weight that is worth keeping, and where it comes from.
    least = xp.power(2 * strength * (1 - power), 1 / (2 - power))
    threshold = least * (2 - power) / (2 * (1 - power))
    kept = size > threshold
    # Elsewhere a stand-in, so that no power of zero is taken.
    w = target = xp.where(kept, size, xp.ones_like(v))
    slope = xp.where(kept, strength * power * xp.ones_like(v), xp.zeros_like(v))
    for _ in range(_NEWTON_STEPS):
        pull = slope * xp.power(w, power - 1)
        w = w - (w + pull - target) / (1 - (1 - power) * pull / w)
    return xp.where(kept, xp.sign(v) * w, xp.zeros_like(v))


def root_threshold(
    xp: Namespace, v: Tensor, strength: Tensor, power: float = 0.5
) -> Tensor:
    """Return argmin over w of ½‖w - v‖² + strength · (Σ|w|)^q per vector.

    A minimum other than zero is a soft threshold of v by θ = strength q (Σ|w|)^(q-1).
    With the k largest entries in it, of sum C, θ^m (C - k θ) = (strength q)^m for
    m = 1 / (1 - q), of whose roots the smaller one is a minimum. Of these, one for each
    k, and zero, the best is taken.

    Args:
        xp: A namespace.
        v: Tensor; each vector along the last axis is treated.
        strength: Scalar, at least 0; step · λ / D.
        power: q, between 0 and 1. Defaults to 0.5.

    Returns:
        Tensor of the shape of `v`.

    Source:
        Lozano and Swirszcz, "Multi-level Lasso for Sparse Multi-task Regression", ICML
        2012 (the penalty with q = ½).
    """
    falling = xp.flip(xp.sort(xp.abs(v), axis=-1), axis=-1)
    count = xp.cumsum(xp.ones_like(falling), axis=-1)
    total = xp.cumsum(falling, axis=-1)
    order = 1 / (1 - power)
    target = xp.power(power * strength, order)
    # Up to here the left side rises.
    low, high = xp.zeros_like(total), order * total / ((order + 1) * count)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        below = xp.power(middle, order) * (total - count * middle) < target
        low, high = xp.where(below, middle, low), xp.where(below, high, middle)
    small = xp.concatenate([high, xp.max(falling, axis=-1, keepdims=True)], axis=-1)
    # One copy for each k: TensorFlow clips no tensor by bounds of a larger shape.
    copies = v[..., None, :] + xp.zeros_like(small)[..., :, None]
    found = soft_threshold(xp, copies, small[..., :, None])
    off = 0.5 * xp.sum(xp.square(found - copies), axis=-1)
    cost = off + strength * xp.power(xp.sum(xp.abs(found), axis=-1), power)
    best = xp.argmin(cost, axis=-1)
    threshold = xp.take_along_axis(small, best[..., None], axis=-1)
    return soft_threshold(xp, v, threshold)
