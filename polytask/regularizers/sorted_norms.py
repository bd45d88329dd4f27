"""Norms that weigh entries, or rows, by their rank: what is large costs more."""

from functools import lru_cache
from typing import Any

import numpy as np

from polytask._checks import checked_number, checked_strength
from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm
from polytask.numeric.prox import sorted_dual_norm, sorted_soft_threshold
from polytask.regularizers.feature_selection import TaskStructure
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.SLOPE")
class SLOPE(Regularizer):
    """Σ_i λ_i |w|_(i) with λ_1 ≥ λ_2 ≥ ...: the sorted L1 norm.

    The largest weight pays λ, the i-th of p pays λ Φ⁻¹(1 - iq / 2p) / Φ⁻¹(1 - q / 2p),
    with Φ the normal distribution. Correlated weights tend to become equal in size.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        rate: q, above 0 and below 1, the rate of false discoveries that the sequence is
            made for. Defaults to 0.1.

    Raises:
        UserError: If a number is out of range.

    Source:
        Bogdan, van den Berg, Sabatti, Su and Candès, "SLOPE: Adaptive Variable
        Selection via Convex Optimization", Ann. Appl. Stat. 2015.

    Example:
        >>> from keras import ops
        >>> w = SLOPE(1.0, rate=0.5).prox(ops.array([3.0, 2.9, 0.3]), step=1.0)
        >>> [round(x, 4) for x in ops.convert_to_numpy(w).tolist()]
        [2.1002, 2.1002, 0.0]
    """

    has_prox = True
    is_norm = True
    metric = "scalar"

    def __init__(self, strength: float = 0.01, rate: float = 0.1) -> None:
        self.strength = checked_strength(strength, "SLOPE")
        self.rate = checked_number(rate, "rate", "SLOPE", above=0.0, below=1.0)

    def _weights(self, xp: Namespace, w: Tensor) -> Tensor:
        size = int(np.prod(w.shape))
        return xp.convert_to_tensor(_quantiles(size, self.rate), dtype=w.dtype)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        falling = xp.flip(xp.sort(xp.reshape(xp.abs(w), (-1,)), axis=0), axis=0)
        return self.strength * xp.sum(self._weights(xp, w) * falling)

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        thresholds = step * self.strength / metric * self._weights(xp, w)
        vector = sorted_soft_threshold(xp, xp.reshape(w, (-1,)), thresholds)
        return xp.reshape(vector, w.shape)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        vector = xp.reshape(gradient, (-1,))
        return sorted_dual_norm(xp, vector, self._weights(xp, gradient))


@lru_cache(maxsize=32)
def _quantiles(size: int, rate: float) -> Any:
    """Return the (size,) weights of the ranks, the first 1."""
    # Only where it is used: `import polytask` takes Keras and NumPy alone.
    from scipy.special import ndtri

    quantiles = ndtri(1 - rate * np.arange(1, size + 1) / (2 * size))
    return (quantiles / quantiles[0]).astype("float64")


@polytask_export("polytask.regularizers.GrOWL")
class GrOWL(TaskStructure):
    """Σ_i (λ + κ (d - i) / d) ‖w‖_(i): joint feature selection that ties similar rows.

    ‖w‖_(1) is the largest of the d norms of features over all tasks. Rows are selected
    as by `L21`, which it is for κ = 0, and those of correlated features become equal in
    norm, where L21 picks one of them.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        clustering: κ, at least 0. Defaults to 0.01.

    Raises:
        UserError: If a strength is negative or not finite.

    Source:
        Oswal, Cox, Lambon Ralph, Rogers and Nowak, "Representational Similarity
        Learning with Application to Brain Networks", ICML 2016.

    Example:
        >>> from keras import ops
        >>> w = ops.array([[3.0, 4.0], [0.0, 5.1], [0.3, 0.4]])
        >>> shrunk = GrOWL(1.0, clustering=1.5).prox(w, step=1.0)
        >>> [round(x, 3) for x in ops.convert_to_numpy(shrunk)[:, 1].tolist()]
        [2.64, 3.3, 0.0]
    """

    has_prox = True
    is_norm = True
    metric = "scalar"
    strengths = ("strength", "clustering")

    def __init__(self, strength: float = 0.01, clustering: float = 0.01) -> None:
        self.strength = checked_strength(strength, "GrOWL")
        self.clustering = checked_strength(clustering, "GrOWL", "clustering")

    def _weights(self, xp: Namespace, norms: Tensor) -> Tensor:
        rows = int(norms.shape[0])
        left = xp.convert_to_tensor(
            np.arange(rows - 1, -1, -1) / rows, dtype=norms.dtype
        )
        return self.strength + self.clustering * left

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        norms = xp.reshape(safe_norm(xp, w, (-1,)), (-1,))
        falling = xp.flip(xp.sort(norms, axis=0), axis=0)
        return xp.sum(self._weights(xp, norms) * falling)

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        rows = xp.reshape(w, (-1, int(w.shape[-1])))
        norms = safe_norm(xp, rows, (-1,))
        thresholds = step / metric * self._weights(xp, norms)
        shrunk = sorted_soft_threshold(xp, norms, thresholds)
        factor = shrunk / xp.where(norms > 0, norms, xp.ones_like(norms))
        return xp.reshape(factor[:, None] * rows, w.shape)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor | None:
        if self.strength == 0:
            return None
        norms = xp.reshape(safe_norm(xp, gradient, (-1,)), (-1,))
        return sorted_dual_norm(xp, norms, self._weights(xp, norms) / self.strength)
