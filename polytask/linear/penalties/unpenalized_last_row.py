"""A penalty that leaves the intercepts alone."""

import numpy as np

from polytask.linear.penalties.penalty import Penalty


class UnpenalizedLastRow(Penalty):
    """Ω of all rows but the last, which holds the intercepts.

    Args:
        penalty: Ω.
    """

    def __init__(self, penalty: Penalty) -> None:
        self.penalty, self.parts = penalty, penalty.parts

    def value(self, w: np.ndarray) -> float:
        """Return Ω of the weights."""
        return self.penalty.value(w[..., :-1, :])

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the prox of the weights beside the intercepts as they are."""
        new = self.penalty.prox(v[..., :-1, :], step)
        return np.concatenate([new, v[..., -1:, :]], axis=-2)
