"""The restricted problem by its examples."""

import numpy as np

from polytask.linear.solvers.restricted import Restricted, Separable


class RestrictedResidual(Restricted):
    """The problem by its examples, for working sets larger than their number.

    Args:
        x: Inputs (examples, rows).
        y: Targets (examples, columns).
        weights: Weight of each column's squared error.
        ridge: μ of an added (μ/2)‖W‖².
        cross_term: C, array (rows, columns).
        null_value: ½ y.
        penalty: Ω.
        w: First point.
    """

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        weights: np.ndarray,
        ridge: float,
        cross_term: np.ndarray,
        null_value: float,
        penalty: Separable,
        w: np.ndarray,
    ) -> None:
        super().__init__(cross_term, null_value, penalty, w)
        self.x, self.weights, self.ridge = x, weights, ridge
        self.residual = (x @ w - y) * weights
        self._step_lengths: list[np.ndarray] | None = None

    def gradient(self) -> np.ndarray:
        """Return G W - C."""
        gradient: np.ndarray = self.x.T @ self.residual
        return gradient + self.ridge * self.w if self.ridge else gradient

    def smooth_value(self) -> float:
        """Return the value without Ω, from the residual alone."""
        value = 0.5 * float(np.sum(np.sum(self.residual**2, axis=0) / self.weights))
        return value + 0.5 * self.ridge * float(np.vdot(self.w, self.w))

    def sweep_cost(self) -> float:
        """Return the floating-point operations of a sweep."""
        return 4.0 * self.x.shape[0] * self.w.size

    def sweep(self, support_only: bool = False) -> None:
        """Take a proximal gradient step in each block of rows in turn."""
        if self._step_lengths is None:
            self._step_lengths = [self._block_steps(block) for block in self.blocks]
        for block, steps in zip(self.blocks, self._step_lengths, strict=True):
            if support_only and not self.w[block].any():
                continue
            old, columns = self.w[block], self.x[:, block]
            gradient = columns.T @ self.residual
            if self.ridge:
                gradient += self.ridge * old
            new = self.penalty.prox(old - steps * gradient, steps)
            change = new - old
            if change.any():
                self.residual += columns @ (change * self.weights)
                self.w[block] = new

    def _block_steps(self, block: slice) -> np.ndarray:
        gram = self.x[:, block].T @ self.x[:, block] * self.weights.max()
        return self._steps((gram + self.ridge * np.eye(len(gram)))[None])

    def jump(self, w: np.ndarray) -> None:
        """Move to W."""
        self.residual += (self.x @ (w - self.w)) * self.weights
        self.w = w
