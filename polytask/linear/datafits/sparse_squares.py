"""The squared error of sparse inputs, which are never made dense."""

from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from polytask.linear.datafits.datafit import QuadraticDatafit, spectral_bound


class CenteredSparse(LinearOperator):
    """diag(r) (X - 1 mᵀ) for a sparse X, with the means m kept apart.

    A constant column is zero, as in `centered`.

    Args:
        x: X, a SciPy array or matrix (examples, features) by rows.
        roots: r, the square roots of the examples' weights.
        means: m, the weighted means of the columns; None for zeros.
    """

    def __init__(self, x: Any, roots: np.ndarray, means: np.ndarray | None) -> None:
        super().__init__(np.dtype(np.float64), x.shape)
        self.roots = roots
        self.means = np.zeros(x.shape[1]) if means is None else means
        scaled = x.multiply(roots[:, None]).tocsc()
        if means is not None:
            constant = np.asarray(x.max(axis=0).todense()).ravel()
            constant = constant == np.asarray(x.min(axis=0).todense()).ravel()
            scaled = scaled.multiply(~constant[None, :]).tocsc()
            self.means = np.where(constant, 0.0, means)
        self.scaled = scaled
        self.total = float(roots @ roots)

    def _matmat(self, w: np.ndarray) -> np.ndarray:
        product: np.ndarray = self.scaled @ w
        return product - self.roots[:, None] * (self.means @ w)

    def _rmatmat(self, residual: np.ndarray) -> np.ndarray:
        product: np.ndarray = self.scaled.T @ residual
        return product - self.means[:, None] * (self.roots @ residual)

    def _rmatvec(self, residual: np.ndarray) -> np.ndarray:
        # SciPy before 1.16 does not see that this is a case of the former.
        return self._rmatmat(residual.reshape(-1, 1))

    def gram(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return the inner products of some columns with others."""
        product = (self.scaled[:, rows].T @ self.scaled[:, others]).toarray()
        means = self.means
        inner: np.ndarray = product - self.total * np.outer(means[rows], means[others])
        return inner

    def column_squares(self) -> np.ndarray:
        """Return the squared length of each column."""
        squares = np.asarray(self.scaled.power(2).sum(axis=0)).ravel()
        return np.maximum(squares - self.total * self.means**2, 0.0)


class SparseSquares(QuadraticDatafit):
    """Σ_t a_t/(2 n_t) ‖X_t w_t - y_t‖², with X_t sparse and centered without filling.

    Args:
        xs: Inputs of each task; one entry if they are shared.
        ys: Centered targets of each task, times the roots of the weights.
        weights: a_t / n_t, array (tasks,).

    Attributes:
        common_gram: Whether one Gram matrix serves all tasks.
    """

    def __init__(
        self, xs: list[CenteredSparse], ys: list[np.ndarray], weights: np.ndarray
    ) -> None:
        shared = len(xs) == 1
        every = np.arange(len(ys))
        tasks = [every] if shared else np.split(every, len(ys))
        self.blocks = [
            (x, columns, np.stack([ys[t] for t in columns], axis=1))
            for x, columns in zip(xs, tasks, strict=True)
        ]
        self.weights = weights
        self.common_gram = shared and bool(np.ptp(weights) == 0)
        self._lipschitz: float | None = None
        cross_term = np.empty((xs[0].shape[1], len(ys)))
        for x, columns, y in self.blocks:
            cross_term[:, columns] = x.T @ (y * weights[columns])
        squares = np.array([c * float(y @ y) for c, y in zip(weights, ys, strict=True)])
        super().__init__(cross_term, 0.5 * squares)

    def value_and_gradient(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient at W."""
        value, gradient = 0.0, np.empty(self.shape)
        for x, columns, y in self.blocks:
            residual = x @ w[:, columns] - y
            c = self.weights[columns]
            value += 0.5 * float(c @ np.sum(residual**2, axis=0))
            gradient[:, columns] = x.T @ (residual * c)
        return value, gradient

    def lipschitz(self) -> float:
        """Return max a_t/n_t ‖X_t‖²."""
        if self._lipschitz is None:
            self._lipschitz = max(
                float(self.weights[columns].max()) * spectral_bound(x) ** 2
                for x, columns, _ in self.blocks
            )
        return self._lipschitz

    def largest_curvature(self) -> float:
        """Return max a_t/n_t ‖x_i‖²."""
        return max(
            float(self.weights[columns].max() * x.column_squares().max())
            for x, columns, _ in self.blocks
        )

    def cross_gram(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return G[rows, others]; one matrix where all tasks share it."""
        if self.common_gram:
            return self.weights[0] * self.blocks[0][0].gram(rows, others)[None]
        grams = np.empty((self.shape[1], rows.size, others.size))
        for x, columns, _ in self.blocks:
            inner = x.gram(rows, others)
            for t in columns:
                grams[t] = self.weights[t] * inner
        return grams
