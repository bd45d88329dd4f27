"""The projection onto an L1 ball."""

from keras import ops

from polytask.numeric.prox.soft_threshold import soft_threshold
from polytask.numeric.prox.water_level import water_level
from polytask.regularizers._tensor import Tensor


def project_l1_ball(v: Tensor, radius: float, metric: Tensor) -> Tensor:
    """Return the nearest point, in the metric D, with Σ|w| ≤ radius.

    Args:
        v: Tensor; each vector along the last axis is projected.
        radius: The radius, above 0.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.

    Returns:
        Tensor of the shape of `v`; a vector inside the ball is returned unchanged.

    Source:
        Duchi et al., "Efficient Projections onto the l1-Ball for Learning in High
        Dimensions", ICML 2008.
    """
    size = ops.abs(v)
    inverse = ops.ones_like(v) / metric
    level = water_level(size * metric, size, inverse, radius, 0.0)
    outside = ops.sum(size, axis=-1, keepdims=True) > radius
    return ops.where(outside, soft_threshold(v, ops.maximum(level, 0) * inverse), v)
