"""Proxes and projections of the Euclidean norms of groups."""

from polytask.numeric.namespace import Namespace, Tensor, epsilon_of, into
from polytask.numeric.norms import group_norm, safe_norm
from polytask.numeric.prox.entries import soft_threshold

# In training two or three are enough; a metric that spans ten orders of magnitude in
# one group takes about ten.
_MAX_ITERATIONS = 50
# The part of a radius that one step may take away from it at most.
_LARGEST_SHARE = 0.9
# Below the norm of any group that is kept, in single precision.
_TINY = 1e-30


def group_soft_threshold(
    xp: Namespace, v: Tensor, threshold: Tensor, metric: Tensor, axes: tuple[int, ...]
) -> Tensor:
    """Return argmin over w of ½(w - v)ᵀD(w - v) + threshold · ‖w_g‖ for every group.

    Args:
        xp: A namespace.
        v: Tensor.
        threshold: Scalar, or tensor that broadcasts with the group norms (size one
            along `axes`), at least 0; step · λ.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.
        axes: The axes that run inside a group; none where each weight is one.

    Returns:
        Tensor of the shape of `v`; a group with ‖D v‖ of at most the threshold is
        exactly 0.0.

    Source:
        Yuan and Lin, "Model selection and estimation in regression with grouped
        variables", JRSS-B 2006; Yun, Lozano and Yang, "Adaptive Proximal Gradient
        Methods for Structured Neural Networks", NeurIPS 2021, in a metric.
    """
    if not axes:
        return soft_threshold(xp, v, threshold / metric)
    if len(metric.shape):
        return _in_a_metric(xp, v, threshold, metric, axes)
    norm = safe_norm(xp, v, axes, keepdims=True)
    return shortened(xp, v, norm, threshold / metric)


def shortened(xp: Namespace, v: Tensor, norm: Tensor, threshold: Tensor) -> Tensor:
    """Return (1 - threshold / ‖v_g‖)₊ · v_g for every group g.

    Args:
        xp: A namespace.
        v: Tensor.
        norm: The norms of its groups, which broadcast with `v`.
        threshold: Tensor that broadcasts with `norm`, at least 0.

    Returns:
        Tensor of the shape of `v`.
    """
    kept = norm > threshold
    return v * xp.where(kept, 1 - threshold / xp.where(kept, norm, 1.0), 0.0)


def _in_a_metric(
    xp: Namespace, v: Tensor, threshold: Tensor, metric: Tensor, axes: tuple[int, ...]
) -> Tensor:
    """Return w = v · r / (r + threshold / D), where r = ‖w‖ makes both sides agree."""
    # Conditions are on groups, never on weights: a choice for every weight costs
    # PyTorch more than all the arithmetic.
    place = metric * v
    size = group_norm(xp, place, axes)
    kept = size > threshold
    share = 1 - threshold / xp.where(kept, size, 1.0)
    shift = threshold / metric
    radius = _root(xp, v, shift, kept, share, axes, place)
    above = xp.where(kept, radius, 0.0)
    below = into(xp, place, "add", radius, shift)
    return into(xp, place, "multiply", v, into(xp, place, "divide", above, below))


def _root(
    xp: Namespace,
    v: Tensor,
    shift: Tensor,
    wanted: Tensor,
    share: Tensor,
    axes: tuple[int, ...],
    place: Tensor,
) -> Tensor:
    """Return the r > 0 of every wanted group with Σ (v / (r + shift))² = 1.

    The inverse root of the left side is concave and increasing in r, linear if the
    shift is constant, and its slope is at least 1 / ‖v‖. So ‖v‖ · `share` is an upper
    bound of r, exact for a constant shift, and the secant method, which needs one sum a
    step, converges from there and from r = 0.

    Args:
        xp: A namespace.
        v: Tensor.
        shift: Tensor of its shape.
        wanted: Which groups have a root.
        share: One minus the inverse root at r = 0, for every group.
        axes: The axes that run inside a group.
        place: A tensor of the shape of `v` that is no longer needed.

    Returns:
        Tensor of the shape of `wanted`; 1 where there is no root.
    """
    # A group without a root stays where it is, as its inverse slope is limited to 0.
    limit = xp.where(wanted, group_norm(xp, v, axes), 0.0)
    bound = xp.where(wanted, limit * share, 1.0)
    tolerance = 8 * epsilon_of(v) * xp.square(limit)

    def improve(
        root: Tensor, last_step: Tensor, last_value: Tensor, _: Tensor
    ) -> tuple[Tensor, ...]:
        below = into(xp, place, "add", root, shift)
        norm = group_norm(xp, into(xp, place, "divide", v, below), axes)
        value = 1 / xp.maximum(norm, _TINY)
        # A choice, not a tiny number added: TensorFlow reorders the sums of a graph, so
        # that it is lost and 0 / 0 remains.
        change = value - last_value
        moves = change != 0
        quotient = xp.where(moves, last_step, 0.0) / xp.where(moves, change, 1.0)
        inverse_slope = xp.minimum(xp.maximum(quotient, 0.0), limit)
        step = xp.maximum((1 - value) * inverse_slope, -_LARGEST_SHARE * root)
        # The error after a secant step is at most about the product of the last two.
        unfinished = xp.any(xp.abs(step * last_step) > tolerance)
        return root + step, step, value, unfinished

    root, *_ = xp.while_loop(
        lambda *state: state[-1],
        improve,
        (bound, bound, 1 - share, xp.any(wanted)),
        maximum_iterations=_MAX_ITERATIONS,
    )
    return root


def project_euclidean_ball(
    xp: Namespace, v: Tensor, radius: float, metric: Tensor, axes: tuple[int, ...]
) -> Tensor:
    """Return the nearest point, in the metric D, with ‖w_g‖ ≤ radius per group.

    Args:
        xp: A namespace.
        v: Tensor.
        radius: Radius of the ball, above 0.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.
        axes: The axes that run inside a group.

    Returns:
        Tensor of the shape of `v`; a group inside the ball is returned unchanged.
    """
    norm = safe_norm(xp, v, axes, keepdims=True)
    outside = norm > radius
    if len(metric.shape) == 0:
        factor = radius / xp.where(outside, norm, xp.ones_like(norm))
        return xp.where(outside, factor * v, v)
    # w = D v / (D + μ), where μ solves Σ (D v / (radius (D + μ)))² = 1.
    shift = metric / xp.max(metric, axis=axes, keepdims=True)
    numerator = shift * v / radius
    share = 1 - radius / xp.where(outside, norm, 1.0)
    place = xp.zeros_like(v)
    multiplier = _root(xp, numerator, shift, outside, share, axes, place)
    return xp.where(outside, v * shift / (shift + multiplier), v)
