"""Linear regression of several tasks, with the strength chosen by cross-validation."""

from typing import Any

import numpy as np

from polytask.linear.folds import Fold, make_folds, mean_errors
from polytask.linear.path import path_of_samples, ratio_grid
from polytask.linear.regressor import MultiTaskRegressor
from polytask.linear.samples import missing, read_samples


class MultiTaskRegressorCV(MultiTaskRegressor):
    """`MultiTaskRegressor` with λ/λ_max chosen by cross-validation.

    Every fold has its own λ_max; what is chosen is the ratio. Tasks with their own
    examples are each split into folds. The error is the mean squared error over all
    labels held out.

    Args:
        task_structure: As in `MultiTaskRegressor`. Defaults to `"l21"`.
        ratios: Fractions of λ_max. Defaults to None: `num_strengths` numbers from 1
            to `smallest_ratio`, equally spaced in the logarithm.
        num_strengths: Number of strengths. Defaults to 30.
        smallest_ratio: Smallest ratio. Defaults to 0.001.
        cv: Number of folds, at least 2; for one table of inputs also pairs of the row
            numbers to fit and to hold out, or a splitter of scikit-learn. Defaults to
            5.
        random_state: Seed of the folds. Defaults to 0.
        fit_intercept: As in `MultiTaskRegressor`.
        task_weights: As in `MultiTaskRegressor`.
        loss: As in `MultiTaskRegressor`.
        tol: As in `MultiTaskRegressor`.
        max_iter: As in `MultiTaskRegressor`.
        positive: As in `MultiTaskRegressor`.

    Attributes:
        ratio_: The chosen ratio.
        ratios_: All ratios, falling.
        cv_errors_: Mean squared error held out (ratios, folds).

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).standard_normal((40, 5))
        >>> model = MultiTaskRegressorCV("l21", num_strengths=5).fit(x, x[:, :2])
        >>> float(model.ratio_)
        0.001
    """

    def __init__(
        self,
        task_structure: Any = "l21",
        *,
        ratios: Any = None,
        num_strengths: int = 30,
        smallest_ratio: float = 0.001,
        cv: Any = 5,
        random_state: int | None = 0,
        fit_intercept: bool = True,
        task_weights: str = "equal",
        loss: str = "squared",
        tol: float = 1e-6,
        max_iter: int = 10000,
        positive: bool = False,
    ) -> None:
        self.task_structure = task_structure
        self.ratios = ratios
        self.num_strengths = num_strengths
        self.smallest_ratio = smallest_ratio
        self.cv = cv
        self.random_state = random_state
        self.fit_intercept = fit_intercept
        self.task_weights = task_weights
        self.loss = loss
        self.tol = tol
        self.max_iter = max_iter
        self.positive = positive

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "MultiTaskRegressorCV":
        """Choose the ratio, then fit all examples with it.

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
        self._check_options()
        samples = read_samples(self, X, y, numeric=True, sample_weight=sample_weight)
        grid = ratio_grid(self.ratios, self.num_strengths, self.smallest_ratio)
        folds = make_folds(samples, self.cv, self.random_state)
        self.cv_errors_ = np.stack([self._errors(f, grid) for f in folds], axis=1)
        self.ratios_ = grid
        means = mean_errors(self.cv_errors_, folds)
        self.ratio_ = float(grid[int(np.argmin(means))])
        self._fit_samples(samples, None, self.ratio_)
        return self

    def _errors(self, fold: Fold, grid: np.ndarray) -> np.ndarray:
        """Return the mean squared error held out in one fold, for each ratio."""
        train, test = fold
        fits = path_of_samples(train, self, grid)
        squares, count = np.zeros(grid.size), 0.0
        for t, y in enumerate(test.ys):
            table = 0 if test.shared else t
            x, s = test.xs[table], test.weights_of(table)
            known = ~missing(y)
            predicted = x[known] @ fits.coefs[:, t].T + fits.intercepts[:, t]
            squares += s[known] @ (predicted - y[known, None]) ** 2
            count += float(s[known].sum())
        return squares / count if count else squares
