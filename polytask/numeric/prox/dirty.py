"""The prox of the dirty model's norm, with its two parts."""

from keras import ops

from polytask.numeric.prox.soft_threshold import soft_threshold
from polytask.regularizers._tensor import Tensor


def dirty_threshold(
    v: Tensor, shared: Tensor, private: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the P, Q that minimize ½‖P + Q - v‖² + shared·max|P| + private·Σ|Q|.

    By Moreau's identity the residual v - P - Q is the projection of v onto the box of
    half-width `private` intersected with the L1 ball of radius `shared`. With the
    common cap θ of P, its entries are min((|v| - θ)₊, private), and their sum, which
    falls piecewise linearly in θ, is `shared`; θ = 0 where v's own clipped sum is
    smaller.

    Args:
        v: Tensor; each vector along the last axis is treated.
        shared: Scalar, at least 0; step · λ of the shared part / D.
        private: Scalar, at least 0; step · λ of the private part / D.

    Returns:
        `(p, q)` of the shape of `v`.
    """
    size = ops.abs(v)
    candidates = ops.concatenate(
        [ops.zeros_like(size[..., :1]), size, ops.maximum(size - private, 0)], axis=-1
    )
    excess = ops.maximum(size[..., None, :] - candidates[..., :, None], 0)
    sums = ops.sum(ops.minimum(excess, private), axis=-1)
    above = sums > shared
    none_above = ops.logical_not(ops.any(above, axis=-1, keepdims=True))
    zero = ops.zeros_like(candidates)
    low = ops.max(ops.where(above, candidates, zero), axis=-1, keepdims=True)
    low_sum = ops.min(ops.where(above, sums, float("inf")), axis=-1, keepdims=True)
    high = ops.min(ops.where(above, float("inf"), candidates), axis=-1, keepdims=True)
    high_sum = ops.max(ops.where(above, zero, sums), axis=-1, keepdims=True)
    fall = ops.where(none_above, ops.ones_like(low), low_sum - high_sum)
    part = ops.where(none_above, ops.zeros_like(low), (low_sum - shared) / fall)
    cap = low + (high - low) * part
    p = ops.sign(v) * ops.minimum(size, cap)
    return p, soft_threshold(v - p, private)
