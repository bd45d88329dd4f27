"""A penalty on tasks that have several columns each."""

import numpy as np

from polytask.linear.penalties.penalty import Penalty


class TaskBlocks(Penalty):
    """Ω of the matrix whose columns are whole tasks, c columns of W below each other.

    Args:
        penalty: Ω, for tasks of one column.
        width: c, the number of columns of each task.
    """

    def __init__(self, penalty: Penalty, width: int) -> None:
        self.penalty, self.parts, self.width = penalty, penalty.parts, width

    def _stacked(self, w: np.ndarray) -> np.ndarray:
        features, columns = w.shape[-2:]
        split = w.reshape(*w.shape[:-2], features, columns // self.width, self.width)
        tall = np.swapaxes(split, -1, -2)
        return tall.reshape(*w.shape[:-2], -1, columns // self.width)

    def _unstacked(self, stacked: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        features, columns = shape[-2:]
        tall = stacked.reshape(*shape[:-2], features, self.width, columns // self.width)
        return np.swapaxes(tall, -1, -2).reshape(shape)

    def value(self, w: np.ndarray) -> float:
        """Return Ω of the stacked columns."""
        return self.penalty.value(self._stacked(w))

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the prox of the stacked columns."""
        return self._unstacked(self.penalty.prox(self._stacked(v), step), v.shape)

    def dual_norm(self, gradient: np.ndarray) -> float | None:
        """Return the dual norm of the stacked columns."""
        return self.penalty.dual_norm(self._stacked(gradient))

    def critical_factor(self, gradient: np.ndarray) -> float | None:
        """Return the factor of Ω for the stacked columns."""
        return self.penalty.critical_factor(self._stacked(gradient))
