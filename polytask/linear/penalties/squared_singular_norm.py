"""The squared trace norm."""

import numpy as np

from polytask.linear.penalties.exclusive import exclusive_threshold
from polytask.linear.penalties.penalty import Penalty


class SquaredSingularNorm(Penalty):
    """(λ/2) (Σ_k s_k(W))²: task-relationship learning with the best covariance.

    Args:
        strength: λ.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        total = float(np.linalg.svd(w, compute_uv=False).sum())
        return 0.5 * self.strength * total**2

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the matrix with singular values shrunk by their common level."""
        u, s, vt = np.linalg.svd(v, full_matrices=False)
        shrunk = exclusive_threshold(s[None], step * self.strength)[0]
        product: np.ndarray = (u * shrunk) @ vt
        return product
