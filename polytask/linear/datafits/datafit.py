"""What a solver needs to know about the loss."""

import abc

import numpy as np

from polytask.linear.datafits.gram_cache import GramCache


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

    Args:
        cross_term: C.
        null_value: The loss at zero, ½ y.
    """

    def __init__(self, cross_term: np.ndarray, null_value: float) -> None:
        self.cross_term = cross_term
        self.shape = (cross_term.shape[0], cross_term.shape[1])
        self.start = np.zeros(self.shape)
        self.null_value = null_value
        self.null_gradient = -cross_term
        self.cache = GramCache(self.cross_gram)

    @abc.abstractmethod
    def cross_gram(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return G[rows, others] as an array (1 or columns, rows, others)."""

    def gram(self, rows: np.ndarray) -> np.ndarray:
        """Return G restricted to `rows`, from the cache where it is known."""
        return self.cache.gram(rows)
