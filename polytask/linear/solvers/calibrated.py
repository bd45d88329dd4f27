"""The root of squares: weighted squares, with the noise of each task in turn."""

from collections.abc import Callable
from dataclasses import replace

from polytask.linear.datafits.root_squares import RootSquares
from polytask.linear.solvers.problem import Problem, Solution, State, Stopping

# Iterations of one turn: weights need not be exact for a noise that is not.
_TURN = 200
_Solver = Callable[[Problem, State, float, int], Solution]


def calibrated(
    problem: Problem,
    start: State,
    stopping: Stopping,
    tolerance: float,
    max_iter: int,
    solve: _Solver,
) -> tuple[State, int]:
    """Minimize a loss of roots plus a convex penalty.

    Weights and noises minimize Σ_t (L_t / σ_t + σ_t / 2) + Ω(W) in turn, a problem that
    is convex in both together.

    Args:
        problem: What to minimize; its loss is a `RootSquares`.
        start: First point.
        stopping: When to stop.
        tolerance: That of the first weighted squares.
        max_iter: Largest number of iterations, of all turns together.
        solve: Solves a problem of squares.

    Returns:
        The point and the number of iterations.

    Source:
        Sun and Zhang, "Scaled Sparse Linear Regression", Biometrika 2012.
    """
    assert isinstance(problem.datafit, RootSquares)
    state, iterations = start, 0
    while iterations < max_iter and not stopping.reached(problem, state):
        squares = replace(
            problem, datafit=problem.datafit.at(problem.weights(state.variable))
        )
        most = min(_TURN, max_iter - iterations)
        turn = solve(squares, squares.state(state.variable), tolerance, most)
        iterations += max(turn.iterations, 1)
        if turn.iterations == 0:
            # The noise has moved by less than these weights can tell.
            tolerance *= 0.1
        state = problem.state(turn.state.variable)
    return state, iterations
