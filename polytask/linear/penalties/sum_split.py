"""Two penalties on two matrices that add up to the weights."""

import numpy as np

from polytask.linear.penalties.penalty import Penalty


class SumSplit(Penalty):
    """min over W = P + Q of Ω₁(P) + Ω₂(Q): dirty and robust models.

    Its methods take P and Q stacked, (2, features, columns).

    Args:
        first: Ω₁.
        second: Ω₂.
    """

    parts = 2

    def __init__(self, first: Penalty, second: Penalty) -> None:
        self.first, self.second = first, second

    def value(self, w: np.ndarray) -> float:
        """Return Ω₁(P) + Ω₂(Q)."""
        return self.first.value(w[0]) + self.second.value(w[1])

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the proxes of the parts."""
        return np.stack([self.first.prox(v[0], step), self.second.prox(v[1], step)])

    def dual_norm(self, gradient: np.ndarray) -> float | None:
        """Return the larger dual norm of the parts, for the gradient in W."""
        pair = [part.dual_norm(gradient) for part in (self.first, self.second)]
        return None if None in pair else max(x for x in pair if x is not None)
