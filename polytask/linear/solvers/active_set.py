"""Row and entry norms: a working set, block sweeps, extrapolation and Newton steps."""

import math

import numpy as np

from polytask.linear.datafits.datafit import QuadraticDatafit
from polytask.linear.datafits.squares import SharedSquares
from polytask.linear.penalties import RowNorm
from polytask.linear.solvers.newton import newton_cost, newton_entries, newton_rows
from polytask.linear.solvers.problem import Problem, State, Stopping
from polytask.linear.solvers.restricted import (
    Restricted,
    RestrictedGram,
    RestrictedResidual,
    Separable,
)


class Extrapolation:
    """Combines the last points so that their last changes cancel.

    Args:
        depth: Number of changes that are combined.

    Source:
        Bertrand and Massias, "Anderson acceleration of coordinate descent", AISTATS
        2021.
    """

    def __init__(self, depth: int = 5) -> None:
        self.depth = depth
        self.points: list[np.ndarray] = []

    def add(self, point: np.ndarray) -> np.ndarray | None:
        """Add a point.

        Args:
            point: The next one of the sequence.

        Returns:
            The extrapolated point once there are enough, and the sequence starts
            anew; None before.
        """
        self.points.append(point.copy())
        if len(self.points) <= self.depth:
            return None
        stack = np.stack([p.ravel() for p in self.points])
        self.points = []
        changes = np.diff(stack, axis=0)
        products = changes @ changes.T
        try:
            weights = np.linalg.solve(products, np.ones(self.depth))
        except np.linalg.LinAlgError:
            return None
        if not np.isfinite(weights).all() or weights.sum() == 0:
            return None
        extrapolated: np.ndarray = (weights / weights.sum()) @ stack[1:]
        return extrapolated.reshape(point.shape)


_SMALLEST_SET = 100
_SWEEPS = 3


def _working_set(support: np.ndarray, scores: np.ndarray, least: float) -> np.ndarray:
    """Return the support and the rows of highest score, up to thrice the support."""
    wanted = np.flatnonzero(scores >= least)
    room = max(_SMALLEST_SET, 3 * support.size)
    if wanted.size > room:
        wanted = wanted[np.argpartition(-scores[wanted], room)[:room]]
    return np.union1d(support, wanted)


def _support_first(rows: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the rows with those that are not zero in front, so that blocks are."""
    return rows[np.argsort(~w[rows].any(axis=1), kind="stable")]


def _restrict(problem: Problem, rows: np.ndarray, w: np.ndarray) -> Restricted:
    """Return the problem on some rows, in the form that is cheaper to sweep."""
    datafit, penalty = problem.datafit, problem.penalty
    assert isinstance(datafit, QuadraticDatafit)
    assert isinstance(penalty, Separable)
    terms = (datafit.cross_term[rows], datafit.null_value, penalty, w[rows])
    if (
        isinstance(datafit, SharedSquares)
        and datafit.labeled is None
        and rows.size > datafit.x.shape[0]
    ):
        x = np.asfortranarray(datafit.x[:, rows])
        return RestrictedResidual(x, datafit.y, datafit.weights, problem.ridge, *terms)
    gram = datafit.gram(rows)
    if problem.ridge:
        gram = gram + problem.ridge * np.eye(rows.size)
    return RestrictedGram(gram, *terms)


def _extrapolate(problem: Restricted, extrapolation: Extrapolation) -> None:
    """Jump to the extrapolated point where that lowers the objective."""
    point = extrapolation.add(problem.w)
    if point is None:
        return
    before, here = problem.objective(), problem.w.copy()
    # What the sweeps removed stays removed.
    problem.jump(np.where(here == 0, 0.0, point))
    if problem.objective() > before:
        problem.jump(here)


def _solve_restricted(problem: Restricted, gap: float, max_iter: int) -> int:
    """Alternate sweeps, which find the support, and Newton steps on it.

    Args:
        problem: The restricted problem; it is moved.
        gap: Largest accepted duality gap.
        max_iter: Largest number of iterations.

    Returns:
        The number of iterations.
    """
    newton = newton_rows if isinstance(problem.penalty, RowNorm) else newton_entries
    extrapolation = Extrapolation()
    current = problem.duality_gap()
    for iteration in range(max_iter):
        if current <= gap:
            return iteration
        before = current
        for k in range(_SWEEPS):
            problem.sweep(support_only=k > 0)
            _extrapolate(problem, extrapolation)
        current = problem.duality_gap()
        if current <= gap or not isinstance(problem, RestrictedGram):
            continue
        # Sweeps that are left at the present rate, at most as many as are useful.
        rate = max(math.log(before / current), 1e-3)
        left = _SWEEPS * math.log(current / gap) / rate if gap else math.inf
        if newton_cost(problem) < left * problem.sweep_cost() and newton(problem):
            extrapolation = Extrapolation()
            current = problem.duality_gap()
    return max_iter


def active_set(
    problem: Problem, start: State, stopping: Stopping, max_iter: int
) -> tuple[State, int]:
    """Minimize a quadratic loss plus a row or entry norm.

    The working set starts with the sequential strong rule and grows by the rows that
    violate the optimality conditions of the whole problem.

    Args:
        problem: What to minimize; its loss is quadratic.
        start: First point.
        stopping: When to stop.
        max_iter: Largest number of iterations.

    Returns:
        The point and the number of iterations.

    Source:
        Tibshirani et al., "Strong rules for discarding predictors in lasso-type
        problems", JRSS-B 2012; Massias, Gramfort and Salmon, "Celer", ICML 2018, for
        growing working sets.
    """
    penalty = problem.penalty
    assert isinstance(penalty, Separable)
    state, iterations = start, 0
    scores = penalty.scores(problem.smooth(state)[1])
    least = 2.0 - max(float(scores.max()), 1.0)
    rows = np.empty(0, dtype=int)
    tight = 0.9
    while not stopping.reached(problem, state) and iterations < max_iter:
        support = np.flatnonzero(state.variable.any(axis=1))
        grown = _working_set(np.union1d(support, rows), scores, least)
        if grown.size == rows.size:
            tight *= 0.1
        rows, least = _support_first(grown, state.variable), 1.0
        restricted = _restrict(problem, rows, state.variable)
        iterations += 1 + _solve_restricted(
            restricted, tight * stopping.gap, max_iter - iterations
        )
        w = np.zeros_like(state.variable)
        w[rows] = restricted.w
        state = problem.state(w)
        scores = penalty.scores(problem.smooth(state)[1])
    return state, iterations
