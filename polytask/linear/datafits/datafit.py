"""What a solver needs to know about the loss."""

import abc
from collections.abc import Callable
from typing import Any

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


# Above this size the eigenvalues of the smaller Gram matrix cost more than the fit.
_DENSE = 1500
_ITERATIONS = 100


def spectral_bound(x: Any) -> float:
    """Return the largest singular value of `x`, for large or sparse ones estimated.

    The estimate is that of a power iteration, 2 % up; a solver that uses it checks
    that its objective falls.

    Args:
        x: Matrix (examples, features), or a SciPy operator.

    Returns:
        The singular value.
    """
    if isinstance(x, np.ndarray) and min(x.shape) <= _DENSE:
        small = x @ x.T if x.shape[0] < x.shape[1] else x.T @ x
        return float(np.sqrt(max(np.linalg.eigvalsh(small)[-1], 0.0)))
    vector = np.random.default_rng(0).standard_normal(x.shape[1])
    value = 0.0
    for _ in range(_ITERATIONS):
        vector = x.T @ (x @ (vector / np.linalg.norm(vector)))
        previous, value = value, float(np.linalg.norm(vector))
        if value - previous <= 1e-3 * value:
            break
    return 1.02 * float(np.sqrt(value))


class Datafit(abc.ABC):
    """A smooth convex function of the weight matrix W (features, columns).

    Attributes:
        shape: The shape of W.
        start: Where a solver begins without a warm start: W = 0, with the best
            intercepts where they are part of W.
        null_value: The loss at `start`.
        null_gradient: Its gradient there.
    """

    shape: tuple[int, int]
    start: np.ndarray
    null_value: float
    null_gradient: np.ndarray

    @abc.abstractmethod
    def value_and_gradient(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient at W."""

    @abc.abstractmethod
    def lipschitz(self) -> float:
        """Return an upper estimate of the gradient's Lipschitz constant."""

    @abc.abstractmethod
    def largest_curvature(self) -> float:
        """Return the largest second derivative by a single weight."""


class QuadraticDatafit(Datafit):
    """½⟨W, G W⟩ - ⟨C, W⟩ + ½ y, with one matrix G for all columns or one for each.

    Attributes:
        cross_term: C, of the shape of W; the gradient at zero is -C.
        null_values: The loss of each column at zero.

    Args:
        cross_term: C.
        null_values: The losses at zero, which add up to ½ y.
    """

    def __init__(self, cross_term: np.ndarray, null_values: np.ndarray) -> None:
        self.cross_term = cross_term
        self.shape = (cross_term.shape[0], cross_term.shape[1])
        self.start = np.zeros(self.shape)
        self.null_values = null_values
        self.null_value = float(null_values.sum())
        self.null_gradient = -cross_term
        self.cache = GramCache(self.cross_gram)

    def column_values(self, w: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Return the loss of each column at W.

        Args:
            w: W.
            gradient: The gradient there.
        """
        products = np.einsum("ij,ij->j", w, gradient - self.cross_term)
        return np.maximum(0.5 * products + self.null_values, 0.0)

    @abc.abstractmethod
    def cross_gram(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return G[rows, others] as an array (1 or columns, rows, others)."""

    def gram(self, rows: np.ndarray) -> np.ndarray:
        """Return G restricted to `rows`, from the cache where it is known."""
        return self.cache.gram(rows)
