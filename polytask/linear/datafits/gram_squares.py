"""The squared error where there are fewer features than examples."""

import numpy as np

from polytask.linear.datafits.datafit import QuadraticDatafit


def gram_product(gram: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return G W, for one G or one for each column.

    Args:
        gram: Array (1 or columns, rows, features).
        w: Array (features, columns).

    Returns:
        Array (rows, columns).
    """
    if gram.shape[0] == 1:
        product: np.ndarray = gram[0] @ w
        return product
    return np.matmul(gram, w.T[:, :, None])[:, :, 0].T


class GramSquares(QuadraticDatafit):
    """The squared error from its Gram matrices alone; the examples are forgotten.

    Args:
        gram: G, array (1 or columns, features, features).
        cross_term: C, array (features, columns).
        null_value: The loss at zero.
    """

    def __init__(
        self, gram: np.ndarray, cross_term: np.ndarray, null_value: float
    ) -> None:
        super().__init__(cross_term, null_value)
        self.matrix = gram
        self._lipschitz: float | None = None

    def value_and_gradient(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient at W."""
        gradient = gram_product(self.matrix, w) - self.cross_term
        value = 0.5 * float(np.vdot(w, gradient - self.cross_term)) + self.null_value
        return value, gradient

    def lipschitz(self) -> float:
        """Return the largest eigenvalue of the Gram matrices."""
        if self._lipschitz is None:
            self._lipschitz = float(np.linalg.eigvalsh(self.matrix)[:, -1].max())
        return self._lipschitz

    def largest_curvature(self) -> float:
        """Return the largest diagonal entry of the Gram matrices."""
        return float(np.einsum("tii->ti", self.matrix).max())

    def cross_gram(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return G[rows, others]."""
        return self.matrix[:, rows[:, None], others]

    def gram(self, rows: np.ndarray) -> np.ndarray:
        """Return G restricted to `rows`."""
        return self.cross_gram(rows, rows)
