"""What a solver needs to know about the penalty."""

import abc

import numpy as np


class Penalty(abc.ABC):
    """A convex function Ω of the weight matrix W (features, columns).

    Attributes:
        parts: How many matrices add up to W; their penalties add up to Ω.
    """

    parts: int = 1

    @abc.abstractmethod
    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""

    @abc.abstractmethod
    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return argmin over W of ½‖W - V‖² + step · Ω(W)."""

    def dual_norm(self, gradient: np.ndarray) -> float | None:
        """Return the smallest c with gradient in c · ∂Ω(0); None if Ω is no norm."""
        return None

    def critical_factor(self, gradient: np.ndarray) -> float | None:
        """Return the factor on all strengths from which on W = 0 is optimal.

        Args:
            gradient: Gradient of the loss at W = 0.

        Returns:
            The factor; None if no finite strength makes zero optimal.
        """
        return self.dual_norm(gradient)
