"""What is minimized, and how far a point is from the minimum."""

from dataclasses import dataclass

import numpy as np

from polytask.linear.datafits.datafit import Datafit, QuadraticDatafit
from polytask.linear.penalties import Penalty
from polytask.linear.solvers.state import State


@dataclass(frozen=True)
class Problem:
    """Loss + (μ/2)‖W‖² + Ω, where W may be a sum of parts.

    Attributes:
        datafit: The loss.
        penalty: Ω.
        ridge: μ.
    """

    datafit: Datafit
    penalty: Penalty
    ridge: float = 0.0

    def weights(self, variable: np.ndarray) -> np.ndarray:
        """Return W."""
        if self.penalty.parts == 1:
            return variable
        total: np.ndarray = variable.sum(axis=0)
        return total

    def start(self) -> State:
        """Return the point where a solver begins without a warm start."""
        point, parts = self.datafit.start, self.penalty.parts
        if parts > 1:
            point = np.stack([point / parts] * parts)
        return State(point, self.datafit.null_value, self.datafit.null_gradient)

    def state(self, variable: np.ndarray) -> State:
        """Return a point with the loss and its gradient there."""
        return State(variable, *self.datafit.value_and_gradient(self.weights(variable)))

    def smooth(self, state: State) -> tuple[float, np.ndarray]:
        """Return the value and gradient in W of loss and ridge."""
        if not self.ridge:
            return state.loss, state.gradient
        w = self.weights(state.variable)
        value = state.loss + 0.5 * self.ridge * float(np.vdot(w, w))
        return value, state.gradient + self.ridge * w

    def objective(self, state: State) -> float:
        """Return what is minimized."""
        return self.smooth(state)[0] + self.penalty.value(state.variable)

    def lipschitz(self) -> float:
        """Return the Lipschitz constant of the gradient in the parts together."""
        return self.penalty.parts * (self.datafit.lipschitz() + self.ridge)

    def duality_gap(self, state: State) -> float | None:
        """Return the duality gap, an upper bound of the excess of the objective.

        With the residual times s as the dual point, the gap of a quadratic loss is
        (1 - s)² · smooth value + Ω(W) + s ⟨W, gradient⟩, which loses no digits near
        the minimum.

        Args:
            state: Where.

        Returns:
            The gap; None where the loss is not quadratic or Ω no norm.
        """
        if not isinstance(self.datafit, QuadraticDatafit):
            return None
        value, gradient = self.smooth(state)
        dual_norm = self.penalty.dual_norm(gradient)
        if dual_norm is None:
            return None
        s = 1.0 if dual_norm <= 1.0 else 1.0 / dual_norm
        product = float(np.vdot(self.weights(state.variable), gradient))
        penalty = self.penalty.value(state.variable)
        return (1.0 - s) ** 2 * value + penalty + s * product

    def kkt_residual(self, state: State) -> float:
        """Return the largest entry of a proximal gradient step, over its length.

        The length is one over the largest second derivative by a single weight. The
        residual is in the unit of the gradient, and zero exactly at the minimum.

        Args:
            state: Where.
        """
        inverse = self.penalty.parts * self.datafit.largest_curvature() + self.ridge
        if inverse == 0:
            return 0.0
        _, gradient = self.smooth(state)
        moved = self.penalty.prox(state.variable - gradient / inverse, 1.0 / inverse)
        return inverse * float(np.abs(state.variable - moved).max())
