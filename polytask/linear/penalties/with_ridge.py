"""A penalty plus a ridge."""

import numpy as np

from polytask.linear.penalties.penalty import Penalty


class WithRidge(Penalty):
    """Ω + (μ/2)‖W‖².

    Args:
        penalty: Ω.
        ridge: μ.
    """

    def __init__(self, penalty: Penalty, ridge: float) -> None:
        self.penalty, self.ridge, self.parts = penalty, ridge, penalty.parts

    def value(self, w: np.ndarray) -> float:
        """Return the value."""
        return self.penalty.value(w) + 0.5 * self.ridge * float(np.vdot(w, w))

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the prox of Ω of the shrunk V, with the step shrunk as well."""
        shrink = 1.0 + step * self.ridge
        return self.penalty.prox(v / shrink, step / shrink)
