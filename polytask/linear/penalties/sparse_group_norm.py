"""The sum of row norms and of absolute values."""

import numpy as np

from polytask.linear.penalties.entry_norm import soft_threshold
from polytask.linear.penalties.penalty import Penalty
from polytask.linear.penalties.row_norm import RowNorm, row_norms

_HALVINGS = 60


class SparseGroupNorm(Penalty):
    """λ Σ_i ‖wⁱ‖₂ + μ Σ |w|: features shared by some tasks.

    Args:
        strength: λ.
        l1: μ.
    """

    def __init__(self, strength: float, l1: float) -> None:
        self.rows, self.l1 = RowNorm(strength), l1

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        return self.rows.value(w) + self.l1 * float(np.abs(w).sum())

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the entries shrunk, then the rows; that order is exact."""
        return self.rows.prox(soft_threshold(v, step * self.l1), step)

    def dual_norm(self, gradient: np.ndarray) -> float:
        """Return the largest root c of ‖S(gⁱ, c μ)‖ = c λ over the rows."""
        low = np.zeros(gradient.shape[0])
        smaller = [
            bound / strength
            for bound, strength in (
                (np.abs(gradient).max(axis=1), self.l1),
                (row_norms(gradient), self.rows.strength),
            )
            if strength > 0
        ]
        high = np.min(smaller, axis=0)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            rest = row_norms(soft_threshold(gradient, self.l1 * middle[:, None]))
            inside = rest <= self.rows.strength * middle
            low, high = np.where(inside, low, middle), np.where(inside, middle, high)
        return float(high.max())
