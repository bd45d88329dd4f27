"""The sum of the singular values."""

import numpy as np

from polytask.linear.penalties.penalty import Penalty


class SingularNorm(Penalty):
    """λ Σ_k s_k(W), the trace norm.

    Args:
        strength: λ.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        return self.strength * float(np.linalg.svd(w, compute_uv=False).sum())

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the matrix with singular values shrunk by step · λ."""
        u, s, vt = np.linalg.svd(v, full_matrices=False)
        kept = s > step * self.strength
        shrunk: np.ndarray = (u[:, kept] * (s[kept] - step * self.strength)) @ vt[kept]
        return shrunk

    def dual_norm(self, gradient: np.ndarray) -> float:
        """Return the largest singular value, over λ."""
        return float(np.linalg.norm(gradient, 2)) / self.strength
