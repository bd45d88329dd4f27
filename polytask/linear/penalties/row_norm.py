"""The sum of the Euclidean norms of the rows."""

import numpy as np

from polytask.linear.penalties.penalty import Penalty


def row_norms(w: np.ndarray) -> np.ndarray:
    """Return the Euclidean norm of each row."""
    norms: np.ndarray = np.sqrt(np.einsum("ij,ij->i", w, w))
    return norms


class RowNorm(Penalty):
    """λ Σ_i ‖wⁱ‖₂, joint feature selection.

    Args:
        strength: λ.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        return self.strength * float(row_norms(w).sum())

    def prox(self, v: np.ndarray, step: float | np.ndarray) -> np.ndarray:
        """Return the rows, shortened by step · λ; a step for each row is allowed."""
        norms = row_norms(v)
        threshold = np.reshape(step, -1) * self.strength
        kept = norms > threshold
        factor = np.where(kept, 1.0 - threshold / np.where(kept, norms, 1.0), 0.0)
        return v * factor[:, None]

    def common(self, curvatures: np.ndarray) -> np.ndarray:
        """Return the curvatures (rows, 1) that a prox can use, for (rows, columns)."""
        largest: np.ndarray = curvatures.max(axis=1, keepdims=True)
        return largest

    def dual_norm(self, gradient: np.ndarray) -> float:
        """Return the largest row norm, over λ."""
        return float(row_norms(gradient).max()) / self.strength

    def scores(self, gradient: np.ndarray) -> np.ndarray:
        """Return each row's share in the dual norm; below 1 it may stay zero."""
        return row_norms(gradient) / self.strength
