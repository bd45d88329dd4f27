"""What the linear estimators have in common."""

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from polytask.errors import UserError, nearest
from polytask.linear.datafits.datafit import Datafit
from polytask.linear.solvers.problem import Problem, Solution, State
from polytask.linear.solvers.solve import solve
from polytask.linear.structure import Structure, chosen_strength

_WEIGHTINGS = ("equal", "rows")
_LOSSES = ("squared", "root")


class LinearMultiTask(BaseEstimator):
    """A linear model with a penalty on the weights of all tasks together."""

    task_structure: Any
    fit_intercept: bool
    task_weights: str
    tol: float
    max_iter: int
    loss: str = "squared"
    positive: bool = False
    warm_start: bool = False
    #: Whether inputs may be sparse.
    takes_sparse = False

    def _check_options(self) -> None:
        """Refuse options that are out of range."""
        for name, choices in (("task_weights", _WEIGHTINGS), ("loss", _LOSSES)):
            value = getattr(self, name)
            if value not in choices:
                first, second = choices
                raise UserError(
                    f'{name} must be "{first}" or "{second}"; found {value!r}.'
                    f"{nearest(str(value), choices)}"
                )
        if not isinstance(self.tol, Real) or not 0 <= self.tol < np.inf:
            raise UserError(f"tol must be at least 0; found {self.tol!r}.")
        if not isinstance(self.max_iter, Integral) or self.max_iter < 1:
            raise UserError(f"max_iter must be at least 1; found {self.max_iter!r}.")

    def _start(self, problem: Problem) -> State | None:
        """Return the solution of the last `fit`, where the next begins there."""
        last = getattr(self, "_variable", None)
        if not self.warm_start or last is None:
            return None
        wanted = problem.start().variable.shape
        if last.shape != wanted:
            raise UserError(
                "warm_start begins at the weights of the last fit, which were of the "
                f"shape {last.shape}; these data and this structure need {wanted}. Fit "
                "once with warm_start=False."
            )
        return problem.state(last.copy())

    def _solve(
        self,
        structure: Structure,
        datafit: Datafit,
        strength: float | None,
        ratio: float | None,
    ) -> Solution:
        """Minimize, and store the certificate."""
        self.strength_ = chosen_strength(structure, datafit, strength, ratio)
        problem = structure.problem(datafit, self.strength_)
        solution = solve(problem, self._start(problem), self.tol, self.max_iter)
        if not solution.converged:
            warnings.warn(
                f"{type(self).__name__} stopped after {solution.iterations} iterations "
                f"with the optimality residual {solution.kkt_residual:.2g}, above its "
                "tolerance. Raise max_iter or tol, or scale the inputs.",
                ConvergenceWarning,
                stacklevel=3,
            )
        self._variable = solution.state.variable
        self.dual_gap_ = solution.dual_gap
        self.kkt_residual_ = solution.kkt_residual
        self.objective_ = solution.objective
        self.n_iter_ = max(1, solution.iterations)
        self.regularizer_ = structure.regularizer
        return solution
