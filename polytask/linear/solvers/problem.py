"""What is minimized, and when a point is near enough to the minimum."""

from dataclasses import dataclass

import numpy as np

from polytask.linear.datafits.datafit import Datafit, QuadraticDatafit
from polytask.linear.datafits.root_squares import RootSquares
from polytask.linear.penalties import Penalty


@dataclass(frozen=True)
class State:
    """A point on the way to the minimum; a later problem can start from it.

    Attributes:
        variable: W, or its parts stacked.
        loss: The loss, without ridge and penalty.
        gradient: Its gradient in W.
    """

    variable: np.ndarray
    loss: float
    gradient: np.ndarray

    def beyond(self, previous: "State", share: float) -> "State":
        """Return the point on the line from `previous`, for a quadratic loss.

        Its loss and gradient follow from those of the two points.

        Args:
            previous: Another point.
            share: How far to go on, as a fraction of the distance between the two.
        """
        change = self.gradient - previous.gradient
        w, before = self.variable, previous.variable
        step = w - before
        total = step.sum(axis=0) if step.ndim > self.gradient.ndim else step
        slope = float(np.vdot(total, self.gradient))
        curvature = float(np.vdot(total, change))
        return State(
            w + share * step,
            self.loss + share * slope + 0.5 * share**2 * curvature,
            self.gradient + share * change,
        )


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
            The gap; None where the loss is neither quadratic nor its roots, or Ω no
            norm.
        """
        root = isinstance(self.datafit, RootSquares) and not self.ridge
        if not (root or isinstance(self.datafit, QuadraticDatafit)):
            return None
        value, gradient = self.smooth(state)
        dual_norm = self.penalty.dual_norm(gradient)
        if dual_norm is None:
            return None
        s = 1.0 if dual_norm <= 1.0 else 1.0 / dual_norm
        if isinstance(self.datafit, RootSquares):
            lower = self.datafit.dual_value(self.weights(state.variable), s)
            return self.objective(state) - lower
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


@dataclass(frozen=True)
class Stopping:
    """A duality gap or, where there is none, an optimality residual that is small.

    Attributes:
        gap: Largest accepted duality gap.
        residual: Largest accepted residual of the optimality conditions.
    """

    gap: float
    residual: float

    @classmethod
    def relative(cls, problem: Problem, tolerance: float) -> "Stopping":
        """Return the tolerance in units of the loss and its gradient at W = 0.

        Args:
            problem: What is minimized.
            tolerance: A fraction.
        """
        largest = float(np.abs(problem.datafit.null_gradient).max())
        return cls(tolerance * problem.datafit.null_value, tolerance * largest)

    def reached(self, problem: Problem, state: State) -> bool:
        """Return whether the point is good enough."""
        gap = problem.duality_gap(state)
        if gap is not None:
            return bool(gap <= self.gap)
        return bool(problem.kkt_residual(state) <= self.residual)


@dataclass(frozen=True)
class Solution:
    """A minimizer with its certificate.

    Attributes:
        state: The point.
        objective: Loss + penalty.
        dual_gap: Upper bound of the excess of the objective; None where the
            penalty is no norm or the loss not quadratic.
        kkt_residual: Largest violation of the optimality conditions, in the unit of
            the loss's gradient.
        iterations: Number of iterations.
        converged: Whether the tolerance was reached.
    """

    state: State
    objective: float
    dual_gap: float | None
    kkt_residual: float
    iterations: int
    converged: bool
