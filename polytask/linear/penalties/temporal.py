"""Row norms plus a quadratic coupling of the columns."""

import numpy as np

from polytask.linear.penalties.penalty import Penalty
from polytask.linear.penalties.row_norm import RowNorm, row_norms
from polytask.linear.penalties.task_quadratic import TaskQuadratic

_ITERATIONS = 100


class Temporal(Penalty):
    """λ Σ_i ‖wⁱ‖₂ + ½ tr(W M Wᵀ): features shared by tasks in the order of time.

    Args:
        strength: λ.
        matrix: M, symmetric positive semi-definite (columns, columns).
    """

    def __init__(self, strength: float, matrix: np.ndarray) -> None:
        self.rows, self.quadratic = RowNorm(strength), TaskQuadratic(matrix)

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        return self.rows.value(w) + self.quadratic.value(w)

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the prox; in the eigenbasis of M a one-dimensional root a row."""
        threshold = step * self.rows.strength
        scale = 1.0 + step * self.quadratic.curvatures
        target = v @ self.quadratic.basis
        norms = row_norms(target)
        kept = norms > threshold
        if not kept.any():
            return np.zeros_like(v)
        # ‖w‖ = ρ solves 1 = ‖target / (scale ρ + threshold)‖, which falls with ρ.
        low = np.maximum((norms[kept] - threshold) / scale.max(), 0.0)
        high = (norms[kept] - threshold) / scale.min()
        for _ in range(_ITERATIONS):
            middle = 0.5 * (low + high)
            share = row_norms(target[kept] / (np.outer(middle, scale) + threshold))
            longer = share > 1.0
            low, high = np.where(longer, middle, low), np.where(longer, high, middle)
        rho = 0.5 * (low + high)
        rotated = np.zeros_like(v)
        factor = rho[:, None] / (np.outer(rho, scale) + threshold)
        rotated[kept] = target[kept] * factor
        product: np.ndarray = rotated @ self.quadratic.basis.T
        product[~kept] = 0.0
        return product

    def critical_factor(self, gradient: np.ndarray) -> float:
        """Return the factor on λ from which on all weights are zero."""
        return self.rows.dual_norm(gradient)
