"""What a solver returns."""

from dataclasses import dataclass

from polytask.linear.solvers.state import State


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
