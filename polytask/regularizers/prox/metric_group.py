"""The prox of the Euclidean norm in a diagonal metric."""

from keras import ops

from polytask.regularizers._tensor import Tensor, safe_norm
from polytask.regularizers.prox.secular import secular_root


def metric_group_soft_threshold(
    v: Tensor, threshold: Tensor, metric: Tensor, axes: tuple[int, ...]
) -> Tensor:
    """Return argmin over w of ½(w - v)ᵀD(w - v) + threshold · ‖w_g‖ for every group.

    A group is zero if ‖D v‖ ≤ threshold. Otherwise w = v · r / (r + threshold / D),
    where r = ‖w‖ solves Σ (v / (r + threshold / D))² = 1.

    Args:
        v: Tensor.
        threshold: Scalar, or tensor of the shape of the group norms, at least 0.
        metric: The diagonal D > 0, of the shape of `v`.
        axes: The axes that run inside a group.

    Returns:
        Tensor of the shape of `v`; removed groups are exactly 0.0.

    Source:
        Yun, Lozano and Yang, "Adaptive Proximal Gradient Methods for Structured
        Neural Networks", NeurIPS 2021.
    """
    kept = safe_norm(metric * v, axes, keepdims=True) > threshold
    norm = safe_norm(v, axes, keepdims=True)
    norm = ops.where(kept, norm, ops.ones_like(norm))
    # In units of ‖v‖, so that the equation is free of scale. Removed groups and zero
    # entries get harmless values; their result is overwritten or zero.
    unit = ops.where(kept, v / norm, ops.ones_like(v))
    shift = ops.where(
        ops.logical_and(kept, unit != 0), threshold / (metric * norm), ops.ones_like(v)
    )
    # Two lower bounds of the root: the power-mean inequality and one term alone.
    start = ops.maximum(
        1 - ops.sum(ops.square(unit) * shift, axis=axes, keepdims=True),
        ops.max(ops.abs(unit) - shift, axis=axes, keepdims=True),
    )
    radius = secular_root(unit, shift, ops.maximum(start, 0), axes)
    return ops.where(kept, v * radius / (radius + shift), ops.zeros_like(v))
