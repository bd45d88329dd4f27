"""The sum of the Euclidean norms of the columns."""

import numpy as np

from polytask.linear.penalties.penalty import Penalty
from polytask.linear.penalties.row_norm import RowNorm


class ColumnNorm(Penalty):
    """λ Σ_t ‖w_t‖₂, whole tasks in or out.

    Args:
        strength: λ.
    """

    def __init__(self, strength: float) -> None:
        self.rows = RowNorm(strength)

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        return self.rows.value(w.T)

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the columns, shortened by step · λ."""
        return self.rows.prox(v.T, step).T

    def dual_norm(self, gradient: np.ndarray) -> float:
        """Return the largest column norm, over λ."""
        return self.rows.dual_norm(gradient.T)
