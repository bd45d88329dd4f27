"""Concave penalties: a sequence of convex problems, each with the last one's slopes."""

from dataclasses import replace

from polytask.linear.solvers.fista import fista
from polytask.linear.solvers.problem import Problem, State, Stopping


def multi_stage(
    problem: Problem, start: State, stopping: Stopping, max_iter: int
) -> tuple[State, int, Problem]:
    """Minimize a loss plus a concave penalty.

    Each stage replaces the penalty by its tangent at the weights of the last one, which
    is nowhere below it, so that the objective falls from stage to stage. The first
    tangent is that at W = 0, wherever the first solver starts: the result does not
    depend on `start`.

    Args:
        problem: What to minimize; its penalty is concave.
        start: Where the solver of the first stage begins.
        stopping: When the weights solve the problem of their own tangent.
        max_iter: Largest number of iterations, of all stages together.

    Returns:
        The point, the number of iterations, and the convex problem whose penalty
        touches the concave one there.

    Source:
        Zhang, "Analysis of Multi-stage Convex Relaxation for Sparse Regularization",
        JMLR 2010; Gong, Ye and Zhang, "Multi-Stage Multi-Task Feature Learning", JMLR
        2013.
    """
    penalty = problem.penalty
    curvature = problem.datafit.largest_curvature() + problem.ridge
    first = penalty.tangent(problem.start().variable, curvature)
    stage = replace(problem, penalty=first)
    state, iterations = fista(stage, start, stopping, max_iter)
    while True:
        stage = replace(problem, penalty=penalty.tangent(state.variable))
        if iterations >= max_iter or stopping.reached(stage, state):
            return state, iterations, stage
        state, more = fista(stage, state, stopping, max_iter - iterations)
        iterations += more
