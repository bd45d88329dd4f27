"""A quadratic problem on some of the features, by its Gram matrices or its examples."""

import abc

import numpy as np

from polytask.linear.datafits.squares import gram_product
from polytask.linear.penalties import EntryNorm, RowNorm

BLOCK = 16

Separable = RowNorm | EntryNorm


class Restricted(abc.ABC):
    """½⟨W, G W⟩ - ⟨C, W⟩ + ½ y + Ω(W) on the rows of a working set.

    Args:
        cross_term: C, array (rows, columns).
        null_value: ½ y.
        penalty: Ω, a sum over rows or entries.
        w: First point.
    """

    def __init__(
        self,
        cross_term: np.ndarray,
        null_value: float,
        penalty: Separable,
        w: np.ndarray,
    ) -> None:
        self.cross_term, self.null_value = cross_term, null_value
        self.penalty, self.w = penalty, w
        size = w.shape[0]
        self.blocks = [slice(i, min(i + BLOCK, size)) for i in range(0, size, BLOCK)]

    @abc.abstractmethod
    def gradient(self) -> np.ndarray:
        """Return G W - C."""

    @abc.abstractmethod
    def sweep(self, support_only: bool = False) -> None:
        """Take a proximal gradient step in each block of rows in turn.

        Args:
            support_only: Whether blocks that are zero are left out.
        """

    @abc.abstractmethod
    def jump(self, w: np.ndarray) -> None:
        """Move to W."""

    @abc.abstractmethod
    def sweep_cost(self) -> float:
        """Return the floating-point operations of a sweep."""

    def smooth_value(self) -> float:
        """Return the value without Ω."""
        product = float(np.vdot(self.w, self.gradient() - self.cross_term))
        return 0.5 * product + self.null_value

    def objective(self) -> float:
        """Return the value with Ω."""
        return self.smooth_value() + self.penalty.value(self.w)

    def duality_gap(self) -> float:
        """Return the duality gap of the restricted problem."""
        gradient = self.gradient()
        s = 1.0 / max(1.0, self.penalty.dual_norm(gradient))
        product = float(np.vdot(self.w, gradient))
        rest = (1.0 - s) ** 2 * self.smooth_value() if s < 1.0 else 0.0
        return rest + self.penalty.value(self.w) + s * product

    def _steps(self, grams: np.ndarray) -> np.ndarray:
        """Return the step lengths in one block of rows.

        Every row has its own, because inputs differ in unit: one over its curvature
        times the largest eigenvalue of the block after scaling to unit curvature.

        Args:
            grams: Gram matrices of the block, array (1 or columns, rows, rows).

        Returns:
            Array (rows, 1 or columns).
        """
        curvatures = np.einsum("tii->it", grams)
        known = curvatures > 0
        scale = np.where(known, 1.0 / np.sqrt(np.where(known, curvatures, 1.0)), 0.0).T
        scaled = grams * scale[:, :, None] * scale[:, None, :]
        largest = np.linalg.eigvalsh(scaled)[:, -1]
        common = self.penalty.common(curvatures * largest)
        return np.where(common > 0, 1.0 / np.where(common > 0, common, 1.0), 0.0)


class RestrictedGram(Restricted):
    """½⟨W, G W⟩ - ⟨C, W⟩ + ½ y + Ω(W), with G held in memory.

    Args:
        gram: G, array (1 or columns, rows, rows).
        cross_term: C, array (rows, columns).
        null_value: ½ y.
        penalty: Ω.
        w: First point.
    """

    def __init__(
        self,
        gram: np.ndarray,
        cross_term: np.ndarray,
        null_value: float,
        penalty: Separable,
        w: np.ndarray,
    ) -> None:
        super().__init__(cross_term, null_value, penalty, w)
        self.gram = gram
        self._gradient = gram_product(gram, w) - cross_term
        self._step_lengths: list[np.ndarray] | None = None

    def gradient(self) -> np.ndarray:
        """Return G W - C, which every move keeps up to date."""
        return self._gradient

    def sweep_cost(self) -> float:
        """Return the floating-point operations of a sweep."""
        return 2.0 * self.w.shape[0] * self.w.size

    def sweep(self, support_only: bool = False) -> None:
        """Take a proximal gradient step in each block of rows in turn."""
        if self._step_lengths is None:
            self._step_lengths = [
                self._steps(self.gram[:, block, block]) for block in self.blocks
            ]
        for block, steps in zip(self.blocks, self._step_lengths, strict=True):
            if support_only and not self.w[block].any():
                continue
            old = self.w[block]
            new = self.penalty.prox(old - steps * self._gradient[block], steps)
            change = new - old
            if change.any():
                self._gradient += gram_product(self.gram[:, :, block], change)
                self.w[block] = new

    def jump(self, w: np.ndarray) -> None:
        """Move to W."""
        self._gradient += gram_product(self.gram, w - self.w)
        self.w = w

    def move(self, rows: np.ndarray, new: np.ndarray, change: np.ndarray) -> None:
        """Set some rows.

        Args:
            rows: Positions in the working set.
            new: Their new weights.
            change: The resulting change of G W on all rows.
        """
        self.w[rows] = new
        self._gradient += change


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
