"""The squared error of tasks that are labeled on the same examples."""

import numpy as np

from polytask.linear.datafits.centered import centered
from polytask.linear.datafits.datafit import QuadraticDatafit
from polytask.linear.datafits.spectral_bound import spectral_bound


class SharedSquares(QuadraticDatafit):
    """Σ_t a_t/(2 n_t) Σ_i (x_i·w_t - y_it)² over the labeled examples i of each task.

    Args:
        x: Inputs (examples, features), centered where there is an intercept.
        y: Targets (examples, tasks), centered; 0 where missing.
        labeled: Boolean array of the shape of `y`, or None where all are labeled.
        offsets: Mean input of each task's labeled examples (tasks, features), which
            differs from zero where labels are missing; or None.
        weights: a_t / n_t, array (tasks,).

    Attributes:
        common_gram: Whether one Gram matrix serves all tasks.
    """

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        labeled: np.ndarray | None,
        offsets: np.ndarray | None,
        weights: np.ndarray,
    ) -> None:
        # Centered targets sum to zero in each task, so the offsets drop out.
        super().__init__(
            x.T @ (y * weights), 0.5 * float(weights @ np.sum(y**2, axis=0))
        )
        self.x, self.y = x, y
        self.labeled, self.offsets, self.weights = labeled, offsets, weights
        self.common_gram = labeled is None and bool(np.ptp(weights) == 0)
        self._lipschitz: float | None = None

    def value_and_gradient(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient at W."""
        rows = np.flatnonzero(w.any(axis=1))
        # A product with the active features only, for sparse W.
        sparse = rows.size < w.shape[0] // 2
        residual = (self.x[:, rows] @ w[rows] if sparse else self.x @ w) - self.y
        if self.offsets is not None:
            residual -= np.einsum("td,dt->t", self.offsets, w)
        if self.labeled is not None:
            residual *= self.labeled
        value = 0.5 * float(self.weights @ np.sum(residual**2, axis=0))
        return value, self.x.T @ (residual * self.weights)

    def lipschitz(self) -> float:
        """Return max a_t/n_t ‖X_t‖² over the tasks' labeled examples."""
        if self._lipschitz is None:
            if self.labeled is None:
                bound = float(self.weights.max()) * spectral_bound(self.x) ** 2
            else:
                bound = max(
                    c * spectral_bound(self._labeled_inputs(t)) ** 2
                    for t, c in enumerate(self.weights)
                )
            self._lipschitz = float(bound)
        return self._lipschitz

    def _labeled_inputs(self, task: int) -> np.ndarray:
        """Return the inputs of a task's labeled examples, centered like the others."""
        if self.labeled is None:
            return self.x
        own = self.x[self.labeled[:, task]]
        return own if self.offsets is None else centered(own)[0]

    def largest_curvature(self) -> float:
        """Return max a_t/n_t ‖x_i‖², which missing labels only lower."""
        squares = np.einsum("ij,ij->j", self.x, self.x)
        return float(self.weights.max() * squares.max())

    def cross_gram(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return G[rows, others]; one matrix where all tasks share it."""
        left, right = self.x[:, rows], self.x[:, others]
        if self.common_gram:
            return (left.T @ right)[None] * self.weights[0]
        blocks = np.empty((self.shape[1], rows.size, others.size))
        for t, weight in enumerate(self.weights):
            keep = slice(None) if self.labeled is None else self.labeled[:, t]
            a, b = left[keep], right[keep]
            if self.offsets is not None:
                a, b = centered(a)[0], centered(b)[0]
            blocks[t] = weight * (a.T @ b)
        return blocks
