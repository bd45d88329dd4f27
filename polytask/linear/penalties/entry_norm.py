"""The sum of the absolute values of the entries."""

import numpy as np

from polytask.linear.penalties.penalty import Penalty


def soft_threshold(v: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """Return sign(v) · max(|v| - threshold, 0)."""
    return v - np.clip(v, -threshold, threshold)


class EntryNorm(Penalty):
    """λ Σ |w|, the lasso.

    Args:
        strength: λ.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        return self.strength * float(np.abs(w).sum())

    def prox(self, v: np.ndarray, step: float | np.ndarray) -> np.ndarray:
        """Return the entries, shrunk by step · λ; a step for each entry is allowed."""
        return soft_threshold(v, step * self.strength)

    def common(self, curvatures: np.ndarray) -> np.ndarray:
        """Return the curvatures that a prox can use: those of the entries."""
        return curvatures

    def dual_norm(self, gradient: np.ndarray) -> float:
        """Return the largest absolute value, over λ."""
        return float(np.abs(gradient).max()) / self.strength

    def scores(self, gradient: np.ndarray) -> np.ndarray:
        """Return each row's share in the dual norm; below 1 it may stay zero."""
        largest: np.ndarray = np.abs(gradient).max(axis=1)
        return largest / self.strength
