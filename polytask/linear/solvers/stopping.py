"""When a solver stops."""

from dataclasses import dataclass

import numpy as np

from polytask.linear.solvers.problem import Problem
from polytask.linear.solvers.state import State


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
