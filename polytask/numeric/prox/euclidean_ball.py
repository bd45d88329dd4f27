"""The projection onto a Euclidean ball."""

from keras import ops

from polytask.numeric.prox.secular import secular_root
from polytask.regularizers._tensor import Tensor, safe_norm


def project_euclidean_ball(
    v: Tensor, radius: float, metric: Tensor, axes: tuple[int, ...]
) -> Tensor:
    """Return the nearest point, in the metric D, with ‖w_g‖ ≤ radius per group.

    Args:
        v: Tensor.
        radius: Radius of the ball, above 0.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.
        axes: The axes that run inside a group.

    Returns:
        Tensor of the shape of `v`; a group inside the ball is returned unchanged.
    """
    norm = safe_norm(v, axes, keepdims=True)
    outside = norm > radius
    if len(metric.shape) == 0:
        factor = radius / ops.where(outside, norm, ops.ones_like(norm))
        return ops.where(outside, factor * v, v)
    # w = D v / (D + μ), where μ solves Σ (D v / (radius (D + μ)))² = 1.
    shift = metric / ops.max(metric, axis=axes, keepdims=True)
    numerator = ops.where(outside, shift * v / radius, ops.ones_like(v))
    start = ops.maximum(
        safe_norm(numerator, axes, keepdims=True) - 1,
        ops.max(ops.abs(numerator) - shift, axis=axes, keepdims=True),
    )
    multiplier = secular_root(numerator, shift, ops.maximum(start, 0), axes)
    return ops.where(outside, v * shift / (shift + multiplier), v)
