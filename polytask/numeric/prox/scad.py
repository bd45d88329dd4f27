"""The prox of the smoothly clipped absolute deviation."""

from keras import ops

from polytask.numeric.prox.soft_threshold import soft_threshold
from polytask.regularizers._tensor import Tensor


def scad_threshold(v: Tensor, strength: float, a: float, step: Tensor) -> Tensor:
    """Return argmin over w of ½(w - v)² + step · SCAD(w), entry by entry.

    For step ≥ a - 1 the objective is concave on the penalty's middle range, so the
    minimum is the better of the two outer ranges.

    Args:
        v: Tensor.
        strength: λ, at least 0.
        a: Where the penalty becomes flat, in units of λ; above 2.
        step: Tensor that broadcasts with `v`, at least 0; learning rate / D.

    Returns:
        Tensor of the shape of `v`.

    Source:
        Fan and Li, "Variable Selection via Nonconcave Penalized Likelihood and its
        Oracle Properties", JASA 2001.
    """
    size = ops.abs(v)
    sign = ops.sign(v)
    soft = soft_threshold(v, step * strength)
    convex = step < a - 1
    slope = ops.where(convex, a - 1 - step, ops.ones_like(v))
    middle = ((a - 1) * v - sign * step * a * strength) / slope
    shrunk = ops.where(
        size <= strength * (1 + step),
        soft,
        ops.where(size <= a * strength, middle, v),
    )
    near = ops.minimum(ops.abs(soft), strength)
    far = ops.maximum(size, a * strength)
    near_cost = 0.5 * ops.square(near - size) + step * strength * near
    far_cost = 0.5 * ops.square(far - size) + step * strength**2 * (a + 1) / 2
    jumped = ops.where(far_cost < near_cost, sign * far, sign * near)
    return ops.where(convex, shrunk, jumped)
