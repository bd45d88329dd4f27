"""A quadratic problem on some of the features."""

import abc

import numpy as np

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
