"""Estimators that minimize over weights and what relates them, in turn."""

import warnings
from collections.abc import Iterator

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from polytask.linear.regression import LinearRegression


class AlternatingRegression(LinearRegression):
    """A regression whose objective falls from turn to turn, to a local minimum.

    Attributes:
        objectives_: The objective after each turn.
    """

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
