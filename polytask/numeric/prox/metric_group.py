"""The prox of the Euclidean norm in a diagonal metric."""

from polytask.numeric.prox.group_operations import (
    GroupOperations,
    group_operations,
)
from polytask.numeric.prox.soft_threshold import soft_threshold
from polytask.regularizers._tensor import Tensor, epsilon_of

# In training two or three are enough; a metric that spans ten orders of magnitude in
# one group takes about ten.
_MAX_ITERATIONS = 50
# The part of a radius that one step may take away from it at most.
_LARGEST_SHARE = 0.9
# Below the norm of any group that is kept, in single precision.
_TINY = 1e-30


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
        axes: The axes that run inside a group; none where each weight is one.

    Returns:
        Tensor of the shape of `v`; removed groups are exactly 0.0.

    Source:
        Yun, Lozano and Yang, "Adaptive Proximal Gradient Methods for Structured
        Neural Networks", NeurIPS 2021.
    """
    if not axes:
        return soft_threshold(v, threshold / metric)
    # Conditions are on groups, never on weights: a choice for every weight costs
    # PyTorch more than all the arithmetic.
    ops = group_operations(v, threshold, metric)
    size = ops.norm(ops.product(metric, v), axes)
    kept = size > threshold
    share = 1 - threshold / ops.where(kept, size, 1.0)
    shift = threshold / metric
    radius = _radius(ops, v, shift, kept, share, axes)
    above = ops.where(kept, radius, 0.0)
    return ops.product(v, ops.quotient(above, radius, shift))


def _radius(
    ops: GroupOperations,
    v: Tensor,
    shift: Tensor,
    kept: Tensor,
    share: Tensor,
    axes: tuple[int, ...],
) -> Tensor:
    """Return the root r of every group that is kept, and 1 of the others.

    The inverse root of Σ (v / (r + shift))² is concave and increasing in r, linear if
    the shift is constant, and its slope is at least 1 / ‖v‖. So ‖v‖ · `share` is an
    upper bound of the root, exact for a constant shift, and the secant method, which
    needs one sum a step, converges from there and from r = 0.

    Args:
        ops: The operations.
        v: Tensor.
        shift: Tensor of its shape.
        kept: Which groups have a root.
        share: One minus the function at r = 0, for every group.
        axes: The axes that run inside a group.

    Returns:
        Tensor of the shape of `kept`.
    """
    # A group that is removed stays where it is, as its inverse slope is limited to 0.
    limit = ops.where(kept, ops.norm(v, axes), 0.0)
    bound = ops.where(kept, limit * share, 1.0)
    tolerance = 8 * epsilon_of(v) * ops.square(limit)

    def improve(
        radius: Tensor, last_step: Tensor, last_value: Tensor, _: Tensor
    ) -> tuple[Tensor, ...]:
        norm = ops.norm(ops.quotient(v, radius, shift), axes)
        value = 1 / ops.maximum(norm, _TINY)
        # A choice, not a tiny number added: TensorFlow reorders the sums of a graph, so
        # that it is lost and 0 / 0 remains.
        change = value - last_value
        moves = change != 0
        quotient = ops.where(moves, last_step, 0.0) / ops.where(moves, change, 1.0)
        inverse_slope = ops.clip(quotient, 0.0, limit)
        step = ops.maximum((1 - value) * inverse_slope, -_LARGEST_SHARE * radius)
        # The error after a secant step is at most about the product of the last two.
        unfinished = ops.any(ops.abs(step * last_step) > tolerance)
        return radius + step, step, value, unfinished

    radius, *_ = ops.while_loop(
        lambda *state: state[-1],
        improve,
        (bound, bound, 1 - share, ops.any(kept)),
        maximum_iterations=_MAX_ITERATIONS,
    )
    return radius
