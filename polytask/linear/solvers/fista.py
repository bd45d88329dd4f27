"""Accelerated proximal gradient descent."""

import numpy as np

from polytask.linear.solvers.problem import Problem, State, Stopping

_CHECK_EVERY = 10


def fista(
    problem: Problem, start: State, stopping: Stopping, max_iter: int
) -> tuple[State, int]:
    """Minimize any problem, with momentum that restarts where it points uphill.

    Args:
        problem: What to minimize.
        start: First point.
        stopping: When to stop.
        max_iter: Largest number of iterations.

    Returns:
        The point and the number of iterations.

    Source:
        Beck and Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm for
        Linear Inverse Problems", SIAM J. Imaging Sci. 2009; O'Donoghue and Candès,
        "Adaptive Restart for Accelerated Gradient Schemes", Found. Comput. Math. 2015.
    """
    if stopping.reached(problem, start):
        return start, 0
    lipschitz = problem.lipschitz()
    x = y = start.variable
    momentum, best = 1.0, problem.objective(start)
    for iteration in range(1, max_iter + 1):
        _, gradient = problem.smooth(problem.state(y))
        new = problem.penalty.prox(y - gradient / lipschitz, 1.0 / lipschitz)
        if np.vdot(y - new, new - x) > 0:
            y, momentum = new, 1.0
        else:
            following = 0.5 * (1.0 + (1.0 + 4.0 * momentum**2) ** 0.5)
            y = new + ((momentum - 1.0) / following) * (new - x)
            momentum = following
        x = new
        if iteration % _CHECK_EVERY == 0:
            state = problem.state(x)
            if stopping.reached(problem, state):
                return state, iteration
            objective = problem.objective(state)
            if objective > 2.0 * best:
                # Growth that momentum cannot cause: the constant, an estimate for
                # large data, was too small.
                lipschitz *= 2.0
                x = y = start.variable
                momentum = 1.0
            best = min(best, objective)
    return problem.state(x), max_iter
