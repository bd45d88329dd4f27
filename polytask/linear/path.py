"""The solutions for many strengths, each started from the one before."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from polytask.errors import UserError
from polytask.linear.datafits.datafit import QuadraticDatafit
from polytask.linear.regressor import MultiTaskRegressor
from polytask.linear.samples import Samples, read_samples
from polytask.linear.solvers.problem import Problem, State
from polytask.linear.solvers.solve import solve
from polytask.linear.squares import make_squares


@dataclass(frozen=True)
class Path:
    """The solutions along a path.

    Attributes:
        strengths: λ, falling, (strengths,).
        ratios: λ / λ_max.
        coefs: Weights (strengths, tasks, features).
        intercepts: (strengths, tasks).
        dual_gaps: Duality gaps (strengths,); NaN where there is none.
        kkt_residuals: Residuals of the optimality conditions (strengths,).
        iterations: Number of iterations (strengths,).
        converged: Whether the tolerance was reached (strengths,).
    """

    strengths: np.ndarray
    ratios: np.ndarray
    coefs: np.ndarray
    intercepts: np.ndarray
    dual_gaps: np.ndarray
    kkt_residuals: np.ndarray
    iterations: np.ndarray
    converged: np.ndarray


def path(
    X: Any,
    y: Any,
    task_structure: Any = "l21",
    *,
    ratios: Any = None,
    num_strengths: int = 30,
    smallest_ratio: float = 0.01,
    fit_intercept: bool = True,
    task_weights: str = "equal",
    loss: str = "squared",
    tol: float = 1e-6,
    max_iter: int = 10000,
) -> Path:
    """Fit a `MultiTaskRegressor` for falling strengths, with warm starts.

    Args:
        X: Inputs (examples, features), or a list of such tables, one per task.
        y: Targets, as in `MultiTaskRegressor.fit`.
        task_structure: As in `MultiTaskRegressor`. Defaults to `"l21"`.
        ratios: Strengths as fractions of λ_max. Defaults to None: `num_strengths`
            numbers from 1 to `smallest_ratio`, equally spaced in the logarithm.
        num_strengths: Number of strengths. Defaults to 30.
        smallest_ratio: Smallest ratio, above 0 and below 1. Defaults to 0.01.
        fit_intercept: As in `MultiTaskRegressor`.
        task_weights: As in `MultiTaskRegressor`.
        loss: As in `MultiTaskRegressor`.
        tol: As in `MultiTaskRegressor`.
        max_iter: Largest number of iterations for each strength.

    Returns:
        The solutions, from the largest strength to the smallest.

    Raises:
        UserError: If an option or the data are not valid.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).standard_normal((20, 5))
        >>> fits = path(x, x[:, :2], num_strengths=3, smallest_ratio=0.1)
        >>> (fits.coefs != 0).any(axis=1).sum(axis=1).tolist()
        [0, 2, 2]
    """
    estimator = MultiTaskRegressor(
        task_structure,
        fit_intercept=fit_intercept,
        task_weights=task_weights,
        loss=loss,
        tol=tol,
        max_iter=max_iter,
    )
    estimator._check_options()
    samples = read_samples(estimator, X, y, numeric=True)
    grid = ratio_grid(ratios, num_strengths, smallest_ratio)
    return path_of_samples(samples, estimator, grid)


def ratio_grid(ratios: Any, num_strengths: int, smallest_ratio: float) -> np.ndarray:
    """Return the falling ratios of a path.

    Args:
        ratios: As in `path`.
        num_strengths: As in `path`.
        smallest_ratio: As in `path`.

    Raises:
        UserError: If they are not positive, finite numbers.
    """
    if ratios is None:
        if not isinstance(smallest_ratio, Real) or not 0 < smallest_ratio < 1:
            raise UserError(
                f"smallest_ratio must be above 0 and below 1; found {smallest_ratio!r}."
            )
        if not isinstance(num_strengths, Integral) or num_strengths < 1:
            raise UserError(
                "num_strengths must be a whole number, at least 1; found "
                f"{num_strengths!r}."
            )
        return np.geomspace(1.0, smallest_ratio, num_strengths)
    try:
        grid = np.sort(np.asarray(ratios, dtype=float).ravel())[::-1]
    except (TypeError, ValueError):
        grid = np.empty(0)
    if not grid.size or not np.isfinite(grid).all() or grid[-1] < 0:
        raise UserError(
            f"ratios must be finite numbers, at least 0, and one or more; found "
            f"{ratios!r}."
        )
    return grid


def _warm_start(
    problem: Problem, states: list[State], strengths: np.ndarray
) -> State | None:
    """Return the last solution, or the point where the path seems to go.

    Args:
        problem: What is minimized next.
        states: The last two solutions, or fewer.
        strengths: Their strengths, and the next one.
    """
    if not states:
        return None
    last = states[-1]
    if last.variable.ndim != problem.start().variable.ndim:
        # At λ = 0 a sum of two parts is no longer split.
        return State(last.variable.sum(axis=0), last.loss, last.gradient)
    quadratic = isinstance(problem.datafit, QuadraticDatafit)
    if not quadratic or len(states) < 2 or strengths[0] == strengths[1]:
        return last
    share = (strengths[2] - strengths[1]) / (strengths[1] - strengths[0])
    ahead = last.beyond(states[0], float(share))
    return min(last, ahead, key=problem.objective)


def path_of_samples(
    samples: Samples, estimator: MultiTaskRegressor, ratios: np.ndarray
) -> Path:
    """Return the path of some samples.

    Args:
        samples: Inputs and targets.
        estimator: Its options are used.
        ratios: Falling fractions of λ_max.
    """
    squares = make_squares(samples, estimator.fit_intercept, estimator.task_weights)
    datafit = estimator._datafit(squares)
    tasks = len(samples.names)
    structure = estimator._structure(samples)
    strengths = ratios * structure.largest(datafit)
    coefs = np.empty((ratios.size, tasks, datafit.shape[0]))
    intercepts = np.empty((ratios.size, tasks))
    gaps, residuals = np.empty(ratios.size), np.empty(ratios.size)
    iterations = np.empty(ratios.size, dtype=int)
    converged = np.empty(ratios.size, dtype=bool)
    states: list[State] = []
    for k, strength in enumerate(strengths):
        problem = structure.problem(datafit, float(strength))
        start = _warm_start(problem, states, strengths[max(k - 2, 0) : k + 1])
        solution = solve(problem, start, estimator.tol, estimator.max_iter)
        state = solution.state
        states = [*states[-1:], state]
        w = problem.weights(state.variable)
        coefs[k], intercepts[k] = w.T, squares.intercepts(w)
        gaps[k] = np.nan if solution.dual_gap is None else solution.dual_gap
        residuals[k], iterations[k] = solution.kkt_residual, solution.iterations
        converged[k] = solution.converged
    return Path(
        strengths, ratios, coefs, intercepts, gaps, residuals, iterations, converged
    )
