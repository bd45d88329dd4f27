"""Options of any estimator of this package, chosen by cross-validation."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.model_selection import ParameterGrid
from sklearn.utils.validation import check_is_fitted

from polytask.linear.folds import make_folds, mean_errors
from polytask.linear.samples import Samples, missing, read_samples


class MultiTaskGridSearchCV(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Options of a regressor, chosen by the error on held-out rows of all tasks.

    scikit-learn's `GridSearchCV` knows one table of inputs; here each task may bring
    its own rows, which are split task by task, and labels may be missing. The error is
    the mean squared error over all labels held out.

    Args:
        estimator: A regressor of `polytask.linear`.
        param_grid: Values to try for each option, as in scikit-learn.
        cv: As in `MultiTaskRegressorCV`. Defaults to 5.
        random_state: Seed of the folds. Defaults to 0.

    Attributes:
        best_params_: The chosen options.
        best_estimator_: The estimator with them, fitted on all rows.
        params_: All options that were tried.
        cv_errors_: Mean squared error held out (options, folds).
        n_features_in_: Number of features.

    Example:
        >>> import numpy as np
        >>> from polytask.linear import LatentBasisRegressor
        >>> x = np.random.default_rng(0).standard_normal((40, 5))
        >>> y = x[:, :1] * np.arange(1.0, 5.0)
        >>> grid = {"components": [1, 2], "ratio": [0.01, 0.1]}
        >>> search = MultiTaskGridSearchCV(LatentBasisRegressor(), grid, cv=3).fit(x, y)
        >>> search.best_params_["ratio"]
        0.01
    """

    takes_sparse = True

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        cv: Any = 5,
        random_state: int | None = 0,
    ) -> None:
        self.estimator = estimator
        self.param_grid = param_grid
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "MultiTaskGridSearchCV":
        """Choose the options, then fit all examples with them.

        Args:
            X: As in `MultiTaskRegressor.fit`.
            y: As in `MultiTaskRegressor.fit`.
            sample_weight: As in `MultiTaskRegressor.fit`; it counts in the errors that
                are compared as well.

        Returns:
            The estimator.

        Raises:
            UserError: If an option is not valid, or a task has too few labels.
        """
        samples = read_samples(self, X, y, numeric=True, sample_weight=sample_weight)
        folds = make_folds(samples, self.cv, self.random_state)
        self.params_ = list(ParameterGrid(self.param_grid))
        self.cv_errors_ = np.array(
            [
                [self._error(options, *fold) for fold in folds]
                for options in self.params_
            ]
        )
        means = mean_errors(self.cv_errors_, folds)
        self.best_params_ = self.params_[int(np.argmin(means))]
        self.best_estimator_ = self._fitted(self.best_params_, samples)
        return self

    def _fitted(self, options: dict[str, Any], samples: Samples) -> Any:
        estimator = clone(self.estimator).set_params(**options)
        weights = samples.weights
        if not samples.shared:
            return estimator.fit(samples.xs, samples.ys, sample_weight=weights)
        y = samples.ys[0] if samples.single else np.stack(samples.ys, axis=1)
        weight = None if weights is None else weights[0]
        return estimator.fit(samples.xs[0], y, sample_weight=weight)

    def _error(self, options: dict[str, Any], train: Samples, test: Samples) -> float:
        predicted = self._fitted(options, train).predict(
            test.xs[0] if test.shared else test.xs
        )
        columns = predicted
        if test.shared:
            columns = [predicted] if test.single else list(predicted.T)
        squares, count = 0.0, 0.0
        for t, (y, guess) in enumerate(zip(test.ys, columns, strict=True)):
            weight = test.weights_of(0 if test.shared else t)
            known = ~missing(y)
            squares += float(weight[known] @ (guess[known] - y[known]) ** 2)
            count += float(weight[known].sum())
        return squares / count if count else 0.0

    def predict(self, X: Any) -> Any:
        """Predict the targets with the chosen options.

        Args:
            X: As in `MultiTaskRegressor.predict`.

        Returns:
            As `MultiTaskRegressor.predict`.
        """
        check_is_fitted(self)
        return self.best_estimator_.predict(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R², the mean over the tasks, with the chosen options.

        Args:
            X: As in `fit`.
            y: As in `fit`.
            sample_weight: Weight of each example, for one table of inputs.

        Returns:
            At most 1.
        """
        check_is_fitted(self)
        return float(self.best_estimator_.score(X, y, sample_weight))
