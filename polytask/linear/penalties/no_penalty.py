"""No penalty at all."""

import numpy as np

from polytask.linear.penalties.penalty import Penalty


class NoPenalty(Penalty):
    """Ω = 0: the unregularized fit."""

    def value(self, w: np.ndarray) -> float:
        """Return 0."""
        return 0.0

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return V."""
        return v
