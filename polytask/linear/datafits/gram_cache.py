"""The Gram matrix of the features that have ever been active."""

from collections.abc import Callable

import numpy as np

# Numbers held at most, half a gigabyte.
_CAPACITY = 2**26


class GramCache:
    """Computes each entry of a Gram matrix once, along a path of strengths.

    Args:
        cross_gram: Maps two arrays of feature positions to (blocks, rows, others).
    """

    def __init__(
        self, cross_gram: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> None:
        self.cross_gram = cross_gram
        self.known = np.empty(0, dtype=int)
        self.matrix = np.empty((1, 0, 0))

    def gram(self, rows: np.ndarray) -> np.ndarray:
        """Return the Gram matrix of `rows`.

        Args:
            rows: Feature positions.

        Returns:
            Array (blocks, rows, rows).
        """
        new = np.setdiff1d(rows, self.known)
        if new.size:
            size = self.known.size + new.size
            if self.matrix.shape[0] * size**2 > _CAPACITY:
                self.known, new = np.empty(0, dtype=int), np.sort(rows)
                self.matrix = np.empty((1, 0, 0))
            self._add(new)
        order = np.argsort(self.known)
        where = order[np.searchsorted(self.known, rows, sorter=order)]
        if where.size == self.known.size and np.array_equal(
            where, np.arange(where.size)
        ):
            return self.matrix
        return self.matrix[:, where[:, None], where]

    def _add(self, new: np.ndarray) -> None:
        old = self.known.size
        both = np.concatenate([self.known, new])
        strip = self.cross_gram(new, both)
        grown = np.empty((strip.shape[0], both.size, both.size))
        if old:
            grown[:, :old, :old] = self.matrix
        grown[:, old:, :] = strip
        grown[:, :old, old:] = np.swapaxes(strip[:, :, :old], 1, 2)
        self.known, self.matrix = both, grown
