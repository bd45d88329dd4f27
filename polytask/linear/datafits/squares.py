"""The squared error: by Gram matrices, of shared examples, of examples task by task."""

import numpy as np

from polytask.linear.datafits.datafit import QuadraticDatafit, spectral_bound


def centered(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the centered columns and their means.

    A constant column becomes exactly zero: what rounding leaves of it would look like
    an input with a tiny unit.

    Args:
        x: Matrix (examples, features).

    Returns:
        Matrix of the shape of `x`, and the means (features,).
    """
    means = x.mean(axis=0)
    constant = (x == x[:1]).all(axis=0)
    return np.where(constant, 0.0, x - means), np.where(constant, x[0], means)


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
        null_values: The loss of each column at zero.
    """

    def __init__(
        self, gram: np.ndarray, cross_term: np.ndarray, null_values: np.ndarray
    ) -> None:
        super().__init__(cross_term, null_values)
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
        super().__init__(x.T @ (y * weights), 0.5 * weights * np.sum(y**2, axis=0))
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
        squares = np.array([c * float(y @ y) for c, y in zip(weights, ys, strict=True)])
        super().__init__(np.stack(products, axis=1), 0.5 * squares)
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
