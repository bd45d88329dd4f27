"""The projection onto a simplex."""

from keras import ops

from polytask.numeric.prox.water_level import water_level
from polytask.regularizers._tensor import Tensor


def project_simplex(v: Tensor, total: float, metric: Tensor) -> Tensor:
    """Return the nearest point, in the metric D, with w ≥ 0 and Σ w = total.

    Args:
        v: Tensor; each vector along the last axis is projected.
        total: The sum, above 0.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.

    Returns:
        Tensor of the shape of `v`.
    """
    inverse = ops.ones_like(v) / metric
    level = water_level(v * metric, v, inverse, total, 0.0)
    return ops.maximum(v - level * inverse, 0)
