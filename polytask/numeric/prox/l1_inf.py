"""The prox of the largest absolute value of a vector."""

from keras import ops

from polytask.numeric.prox.water_level import water_level
from polytask.regularizers._tensor import Tensor


def max_soft_threshold(v: Tensor, threshold: Tensor, metric: Tensor) -> Tensor:
    """Return argmin over w of ½(w - v)ᵀD(w - v) + threshold · max|w| per vector.

    The largest entries are cut to a common cap at which Σ D (|v| - cap)₊ equals the
    threshold; the cap is 0 if Σ D |v| ≤ threshold.

    Args:
        v: Tensor; each vector along the last axis is treated.
        threshold: Scalar, at least 0.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.

    Returns:
        Tensor of the shape of `v`; removed vectors are exactly 0.0, and cut entries
        have exactly the same absolute value.

    Source:
        Quattoni et al., "An efficient projection for L1,∞ regularization", ICML 2009.
    """
    size = ops.abs(v)
    weights = ops.ones_like(v) * metric
    cap = water_level(size, weights * size, weights, threshold, 0.0)
    return ops.sign(v) * ops.minimum(size, ops.maximum(cap, 0))
