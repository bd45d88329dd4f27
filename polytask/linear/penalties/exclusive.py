"""The sum of the squared L1 norms of the rows."""

import numpy as np

from polytask.linear.penalties.entry_norm import soft_threshold
from polytask.linear.penalties.penalty import Penalty


def exclusive_threshold(v: np.ndarray, strength: float) -> np.ndarray:
    """Return the prox of ½ · strength · (Σ|w|)² for each row of `v`."""
    falling = -np.sort(-np.abs(v), axis=1)
    counts = np.arange(1, v.shape[1] + 1)
    levels = strength * np.cumsum(falling, axis=1) / (1.0 + strength * counts)
    return soft_threshold(v, levels.max(axis=1, keepdims=True))


class Exclusive(Penalty):
    """(λ/2) Σ_i (Σ_t |w_it|)²: tasks compete for features.

    Args:
        strength: λ.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        return 0.5 * self.strength * float(np.sum(np.abs(w).sum(axis=1) ** 2))

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the entries, shrunk by one level in each row."""
        return exclusive_threshold(v, step * self.strength)
