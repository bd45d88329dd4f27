"""The prox of the squared L1 norm."""

from keras import ops

from polytask.numeric.prox.soft_threshold import soft_threshold
from polytask.numeric.prox.water_level import water_level
from polytask.regularizers._tensor import Tensor


def exclusive_soft_threshold(v: Tensor, strength: Tensor, metric: Tensor) -> Tensor:
    """Return argmin over w of ½(w - v)ᵀD(w - v) + ½ · strength · (Σ|w|)² per vector.

    Args:
        v: Tensor; each vector along the last axis is treated.
        strength: Scalar, at least 0; step · λ.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.

    Returns:
        Tensor of the shape of `v`.

    Source:
        Zhou, Jin and Hoi, "Exclusive Lasso for Multi-task Feature Selection",
        AISTATS 2010.
    """
    size = ops.abs(v)
    inverse = ops.ones_like(v) / metric
    level = water_level(
        size * metric, strength * size, strength * inverse, 0.0, ops.ones_like(strength)
    )
    return soft_threshold(v, level * inverse)
