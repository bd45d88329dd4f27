"""A quadratic loss whose tasks count more or less."""

import numpy as np

from polytask.linear.datafits.datafit import QuadraticDatafit
from polytask.linear.datafits.squares import GramSquares


class WeightedTasks(QuadraticDatafit):
    """Σ_t f_t L_t(w_t) for the losses L_t of another datafit.

    Args:
        datafit: The losses.
        factors: f_t, above 0, one for each column.
    """

    def __init__(self, datafit: QuadraticDatafit, factors: np.ndarray) -> None:
        super().__init__(datafit.cross_term * factors, datafit.null_values * factors)
        self.datafit, self.factors = datafit, factors

    def value_and_gradient(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient at W."""
        _, gradient = self.datafit.value_and_gradient(w)
        values = self.datafit.column_values(w, gradient)
        return float(self.factors @ values), gradient * self.factors

    def lipschitz(self) -> float:
        """Return an upper estimate of the gradient's Lipschitz constant."""
        return float(self.factors.max()) * self.datafit.lipschitz()

    def largest_curvature(self) -> float:
        """Return an upper estimate of the largest second derivative by a weight."""
        return float(self.factors.max()) * self.datafit.largest_curvature()

    def cross_gram(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return G[rows, others], one matrix for each column."""
        scaled: np.ndarray = self.factors[:, None, None] * self.datafit.cross_gram(
            rows, others
        )
        return scaled


def weighted_tasks(datafit: QuadraticDatafit, factors: np.ndarray) -> QuadraticDatafit:
    """Return Σ_t f_t L_t(w_t), by its Gram matrices where these are known.

    Args:
        datafit: The losses L_t.
        factors: f_t, above 0, one for each column.
    """
    if not isinstance(datafit, GramSquares):
        return WeightedTasks(datafit, factors)
    return GramSquares(
        factors[:, None, None] * datafit.matrix,
        datafit.cross_term * factors,
        datafit.null_values * factors,
    )
