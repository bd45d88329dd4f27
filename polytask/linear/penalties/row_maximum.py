"""The sum of the largest absolute values of the rows."""

import numpy as np

from polytask.linear.penalties.penalty import Penalty


class RowMaximum(Penalty):
    """λ Σ_i max_t |w_it|, the L1,∞ norm.

    Args:
        strength: λ.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        return self.strength * float(np.abs(w).max(axis=1).sum())

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the rows, clipped at the level that removes step · λ in total."""
        size = np.abs(v)
        falling = -np.sort(-size, axis=1)
        excess = np.cumsum(falling, axis=1) - step * self.strength
        level = (excess / np.arange(1, v.shape[1] + 1)).max(axis=1, keepdims=True)
        level = np.maximum(level, 0.0)
        return np.clip(v, -level, level)

    def dual_norm(self, gradient: np.ndarray) -> float:
        """Return the largest row sum of absolute values, over λ."""
        return float(np.abs(gradient).sum(axis=1).max()) / self.strength
