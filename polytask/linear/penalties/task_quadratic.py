"""A quadratic coupling of the columns."""

import numpy as np

from polytask.linear.penalties.penalty import Penalty


class TaskQuadratic(Penalty):
    """½ tr(W M Wᵀ): ridge, mean-regularized and graph penalties.

    Args:
        matrix: M, symmetric positive semi-definite (columns, columns).
    """

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = matrix
        values, self.basis = np.linalg.eigh(matrix)
        self.curvatures = np.maximum(values, 0.0)

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        return 0.5 * float(np.sum(self.curvatures * (w @ self.basis) ** 2))

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return V (I + step · M)⁻¹."""
        shrunk = (v @ self.basis) / (1.0 + step * self.curvatures)
        product: np.ndarray = shrunk @ self.basis.T
        return product
