"""Row norms, absolute values and absolute differences of neighbors."""

import numpy as np

from polytask.linear.penalties.penalty import Penalty
from polytask.linear.penalties.sparse_group_norm import SparseGroupNorm
from polytask.linear.penalties.total_variation import total_variation

_HALVINGS = 60


class Fused(Penalty):
    """λ Σ_i ‖wⁱ‖₂ + μ Σ|w| + δ Σ_t ‖w_(t+1) - w_t‖₁: features enter and leave.

    Args:
        strength: λ.
        fusion: δ.
        l1: μ.
    """

    def __init__(self, strength: float, fusion: float, l1: float) -> None:
        self.sparse, self.fusion = SparseGroupNorm(strength, l1), fusion

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        jumps = float(np.abs(np.diff(w, axis=1)).sum())
        return self.sparse.value(w) + self.fusion * jumps

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the fused rows, then their entries and norms shrunk: exact."""
        return self.sparse.prox(total_variation(v, step * self.fusion), step)

    def critical_factor(self, gradient: np.ndarray) -> float:
        """Return the factor on all strengths from which on all weights are zero."""
        low, high = 0.0, 1.0
        while self.prox(gradient, high).any():
            low, high = high, 2.0 * high
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            if self.prox(gradient, middle).any():
                low = middle
            else:
                high = middle
        return high
