"""What the estimators of numbers have in common: weights, predictions and R²."""

from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from polytask.linear.base import LinearMultiTask
from polytask.linear.samples import (
    Samples,
    is_per_task,
    labeled_predictions,
    read_inputs,
)
from polytask.linear.squares import Squares


class LinearRegression(MultiOutputMixin, RegressorMixin, LinearMultiTask):
    """A linear model of numbers, one for each task."""

    takes_sparse = True

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn's checks should know."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _store(self, samples: Samples, squares: Squares, variable: np.ndarray) -> None:
        split = variable.ndim == 3
        w = variable.sum(axis=0) if split else variable
        intercepts = squares.intercepts(w)
        self.n_tasks_ = len(samples.names)
        self.parts_ = tuple(part.T for part in variable) if split else None
        self.coef_ = w[:, 0] if samples.single else np.ascontiguousarray(w.T)
        if self.parts_ is not None and samples.single:
            self.parts_ = tuple(part[0] for part in self.parts_)
        self.intercept_: Any = float(intercepts[0]) if samples.single else intercepts

    def predict(self, X: Any) -> Any:
        """Predict the targets.

        Args:
            X: Inputs (examples, features), for which all tasks are predicted; or a
                list of tables, one per task.

        Returns:
            Array (examples, tasks), or (examples,) for one task as a vector; for a
            list, a list of vectors.
        """
        check_is_fitted(self)
        inputs = read_inputs(self, X)
        if is_per_task(X):
            # One task as a vector has neither weights nor an intercept in a list.
            w, b = np.atleast_2d(self.coef_), np.atleast_1d(self.intercept_)
            return [x @ w[t] + b[t] for t, x in enumerate(inputs)]
        return inputs[0] @ self.coef_.T + self.intercept_

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R², the mean over the tasks of R² on their labeled examples.

        Args:
            X: As in `fit`.
            y: As in `fit`.
            sample_weight: Weight of each example, for one table of inputs.

        Returns:
            At most 1.

        Raises:
            UserError: If a task has no label.
        """
        scores = [
            r2_score(labels.astype(float), predicted, sample_weight=weight)
            for labels, predicted, weight in labeled_predictions(
                self.predict(X), y, sample_weight
            )
        ]
        return float(np.mean(scores))
