"""Estimators that minimize over weights and what relates them, in turn."""

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from polytask.linear.datafits.datafit import QuadraticDatafit
from polytask.linear.regression import LinearRegression
from polytask.linear.samples import read_samples
from polytask.linear.squares import make_squares

#: Residual of what a turn solves, as a fraction of the tolerance: far below what a turn
#: changes, so that the objective falls.
SOLVED = 1e-3


class AlternatingRegression(LinearRegression):
    """A regression whose objective falls from turn to turn, to a local minimum.

    Attributes:
        objectives_: The objective after each turn.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit all tasks together.

        Args:
            X: As in `MultiTaskRegressor.fit`.
            y: As in `MultiTaskRegressor.fit`.
            sample_weight: As in `MultiTaskRegressor.fit`.

        Returns:
            The estimator.

        Raises:
            UserError: If an option is not valid, or a task has no labels.
        """
        self._check_options()
        samples = read_samples(self, X, y, numeric=True, sample_weight=sample_weight)
        squares = make_squares(samples, self.fit_intercept, self.task_weights)
        w = self._alternate(self._turns(squares.datafit))
        self._store(samples, squares, w)
        return self

    @abstractmethod
    def _turns(self, datafit: QuadraticDatafit) -> Iterator[tuple[float, np.ndarray]]:
        """Yield the objective and the weights after each turn, without end."""

    def _alternate(self, turns: Iterator[tuple[float, np.ndarray]]) -> np.ndarray:
        """Take turns until the objective falls by less than the tolerance.

        Args:
            turns: The objective and the weights after each turn.

        Returns:
            The last weights.
        """
        objectives: list[float] = []
        while True:
            objective, w = next(turns)
            objectives.append(objective)
            fallen = objectives[-2] - objective if len(objectives) > 1 else np.inf
            if fallen <= self.tol * abs(objectives[0]):
                break
            if len(objectives) == self.max_iter:
                warnings.warn(
                    f"{type(self).__name__} stopped after {self.max_iter} turns, of "
                    f"which the last lowered the objective by {fallen:.2g}, above its "
                    "tolerance. Raise max_iter or tol.",
                    ConvergenceWarning,
                    stacklevel=3,
                )
                break
        self.objectives_ = np.array(objectives)
        self.objective_ = objectives[-1]
        self.n_iter_ = len(objectives)
        return w
