"""The fastest exact solver for a problem."""

import numpy as np

from polytask.linear.datafits.datafit import QuadraticDatafit
from polytask.linear.datafits.root_squares import RootSquares
from polytask.linear.penalties import EntryNorm, RowNorm, Whole
from polytask.linear.solvers.active_set import active_set
from polytask.linear.solvers.calibrated import calibrated
from polytask.linear.solvers.conjugate_gradients import conjugate_gradients
from polytask.linear.solvers.fista import fista
from polytask.linear.solvers.multi_stage import multi_stage
from polytask.linear.solvers.problem import Problem, Solution, State, Stopping


def solve(
    problem: Problem, start: State | None, tolerance: float, max_iter: int
) -> Solution:
    """Minimize loss + penalty.

    Of a concave penalty a point is found where no small change lowers the objective.

    Args:
        problem: What to minimize.
        start: First point, from a problem with the same loss; or None.
        tolerance: Largest accepted duality gap as a fraction of the loss at W = 0;
            where there is no gap, largest accepted residual of the optimality
            conditions as a fraction of the loss's largest gradient entry there.
        max_iter: Largest number of iterations.

    Returns:
        The solution with its certificate.
    """
    state = problem.start() if start is None else start
    stopping = Stopping.relative(problem, tolerance)
    datafit, penalty = problem.datafit, problem.penalty
    columns = datafit.shape[1]
    matrix = penalty.matrix(columns) if isinstance(penalty, Whole) else None
    # A convex problem of which the minimum is one of the problem as well.
    convex = problem
    if isinstance(datafit, RootSquares):
        state, iterations = calibrated(
            problem, state, stopping, 0.1 * tolerance, max_iter, solve
        )
    elif penalty.concave:
        state, iterations, convex = multi_stage(problem, state, stopping, max_iter)
    elif not isinstance(datafit, QuadraticDatafit):
        state, iterations = fista(problem, state, stopping, max_iter)
    elif isinstance(penalty, RowNorm | EntryNorm):
        state, iterations = active_set(problem, state, stopping, max_iter)
    elif matrix is not None:
        point, iterations = conjugate_gradients(
            datafit,
            matrix + problem.ridge * np.eye(columns),
            state.variable,
            0.5 * stopping.residual,
            max_iter,
        )
        state = problem.state(point)
    else:
        state, iterations = fista(problem, state, stopping, max_iter)
    return Solution(
        state=state,
        objective=problem.objective(state),
        dual_gap=convex.duality_gap(state),
        kkt_residual=convex.kkt_residual(state),
        iterations=iterations,
        converged=stopping.reached(convex, state),
    )
