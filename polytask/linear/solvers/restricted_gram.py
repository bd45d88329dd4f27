"""The restricted problem by its Gram matrices."""

import numpy as np

from polytask.linear.datafits.gram_squares import gram_product
from polytask.linear.solvers.restricted import Restricted, Separable


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
