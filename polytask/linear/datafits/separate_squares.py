"""The squared error of tasks with examples of their own."""

import numpy as np

from polytask.linear.datafits.datafit import QuadraticDatafit
from polytask.linear.datafits.spectral_bound import spectral_bound


class SeparateSquares(QuadraticDatafit):
    """Σ_t a_t/(2 n_t) ‖X_t w_t - y_t‖².

    Args:
        xs: Inputs of each task (examples, features), centered where there is an
            intercept.
        ys: Targets of each task, centered.
        weights: a_t / n_t, array (tasks,).
    """

    def __init__(
        self, xs: list[np.ndarray], ys: list[np.ndarray], weights: np.ndarray
    ) -> None:
        products = [c * (x.T @ y) for c, x, y in zip(weights, xs, ys, strict=True)]
        squares = [c * float(y @ y) for c, y in zip(weights, ys, strict=True)]
        super().__init__(np.stack(products, axis=1), 0.5 * sum(squares))
        self.xs, self.ys, self.weights = xs, ys, weights
        self._lipschitz: float | None = None

    def value_and_gradient(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient at W."""
        value, gradient = 0.0, np.empty(self.shape)
        for t, (c, x, y) in enumerate(zip(self.weights, self.xs, self.ys, strict=True)):
            residual = x @ w[:, t] - y
            value += 0.5 * c * float(residual @ residual)
            gradient[:, t] = c * (x.T @ residual)
        return value, gradient

    def lipschitz(self) -> float:
        """Return max a_t/n_t ‖X_t‖²."""
        if self._lipschitz is None:
            bounds = [
                c * spectral_bound(x) ** 2
                for c, x in zip(self.weights, self.xs, strict=True)
            ]
            self._lipschitz = float(max(bounds))
        return self._lipschitz

    def largest_curvature(self) -> float:
        """Return max a_t/n_t ‖x_i‖²."""
        return max(
            float(c * np.einsum("ij,ij->j", x, x).max())
            for c, x in zip(self.weights, self.xs, strict=True)
        )

    def cross_gram(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return G[rows, others], one matrix for each task."""
        blocks = np.empty((self.shape[1], rows.size, others.size))
        for t, (c, x) in enumerate(zip(self.weights, self.xs, strict=True)):
            blocks[t] = c * (x[:, rows].T @ x[:, others])
        return blocks
