"""Rows that lack whole sources of features: a task for each pattern of sources."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import get_tags
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from polytask.errors import UserError


class IncompleteSources(MetaEstimatorMixin, BaseEstimator):
    """One target from several sources of features, of which rows lack some: iMSF.

    Rows with the same sources make a task, and all tasks are fitted together by a
    multi-task estimator. With the structure `"l21"` a feature is in use for all tasks
    that have its source, or for none:
    Σ_p L_p(w_p) + λ Σ_i ‖(w_ip) over the patterns p that have feature i‖₂. No row is
    dropped and no value imputed.

    Args:
        estimator: An estimator of `polytask.linear`, such as `MultiTaskRegressorCV()`
            or `MultiTaskClassifier()`.
        sources: The columns of each source, by position. Columns in no source are
            there in every row. Defaults to None: each column is a source of its own.

    Attributes:
        estimator_: The fitted estimator.
        patterns_: Which columns are there (patterns, features), one row a task.
        n_features_in_: Number of features.

    Source:
        Yuan, Wang, Thompson, Narayan and Ye, "Multi-source feature learning for joint
        analysis of incomplete multiple heterogeneous neuroimaging data", NeuroImage
        2012.

    Example:
        >>> import numpy as np
        >>> from polytask.linear import MultiTaskRegressor
        >>> x = np.random.default_rng(0).standard_normal((60, 4))
        >>> y = x[:, 0] + x[:, 2]
        >>> x[:20, 2:] = np.nan
        >>> estimator = MultiTaskRegressor("l21", ratio=0.01)
        >>> model = IncompleteSources(estimator, [[0, 1], [2, 3]]).fit(x, y)
        >>> model.patterns_.tolist()
        [[True, True, False, False], [True, True, True, True]]
    """

    def __init__(
        self, estimator: Any, sources: Sequence[Sequence[int]] | None = None
    ) -> None:
        self.estimator = estimator
        self.sources = sources

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn's checks should know."""
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags = inner.classifier_tags
        tags.regressor_tags = inner.regressor_tags
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X: Any, y: Any) -> "IncompleteSources":
        """Fit the models of all patterns together.

        Args:
            X: Inputs (examples, features), NaN in all columns of a missing source.
            y: Target (examples,).

        Returns:
            The estimator.

        Raises:
            UserError: If a source is there in part, or no source is there.
        """
        x = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        labels = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        check_consistent_length(x, labels)
        if labels.ndim != 1:
            raise UserError(
                f"IncompleteSources fits one target, a vector; found the shape "
                f"{labels.shape}."
            )
        there = self._there(x)
        self.patterns_, pattern = np.unique(there, axis=0, return_inverse=True)
        pattern = pattern.ravel()
        tables = [_filled(x[pattern == p]) for p in range(len(self.patterns_))]
        targets = [labels[pattern == p] for p in range(len(self.patterns_))]
        self.estimator_ = clone(self.estimator).fit(tables, targets)
        if is_classifier(self.estimator_):
            self.classes_ = np.unique(labels)
        return self

    def _there(self, x: np.ndarray) -> np.ndarray:
        """Return where a row has a column, checked by source."""
        there = ~np.isnan(x)
        features = x.shape[1]
        sources = self.sources
        if sources is None:
            sources = [[i] for i in range(features)]
        columns = [int(i) for source in sources for i in source]
        if len(set(columns)) < len(columns) or not all(
            0 <= i < features for i in columns
        ):
            raise UserError(
                f"sources must be lists of columns from 0 to {features - 1}, each in "
                f"one source at most; found {self.sources!r}."
            )
        rest = [[i] for i in range(features) if i not in set(columns)]
        for k, source in enumerate(sources):
            own = there[:, list(source)]
            partly = own.any(axis=1) & ~own.all(axis=1)
            if partly.any():
                row = int(partly.argmax())
                raise UserError(
                    f"Source {k} is there in part in row {row}: of its columns "
                    f"{list(source)} some are NaN. Impute them, or split the source."
                )
        for source in rest:
            if not there[:, source].all():
                raise UserError(
                    f"Column {source[0]} is in no source, so that it must be there in "
                    "every row; it has NaN."
                )
        if not there.any(axis=1).all():
            row = int(np.argmin(there.any(axis=1)))
            raise UserError(f"Row {row} has no source at all. Drop such rows.")
        return there

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target, each row by the model of its sources.

        A pattern that was not seen in `fit` is predicted by the seen one that has the
        most columns among those that need no more than is there.

        Args:
            X: Inputs (examples, features), NaN where a source is missing.

        Returns:
            Array (examples,).

        Raises:
            UserError: If a row has too few sources for every model.
        """
        check_is_fitted(self)
        x = validate_data(
            self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        pattern = self._nearest(self._there(x))
        tables = [_filled(x[pattern == p]) for p in range(len(self.patterns_))]
        # A model without rows predicts for one of zeros.
        tables = [t if len(t) else np.zeros((1, x.shape[1])) for t in tables]
        if len(tables) == 1:
            predicted = [np.ravel(self.estimator_.predict(tables[0]))]
        else:
            predicted = self.estimator_.predict(tables)
        result = np.empty(len(x), dtype=np.asarray(predicted[0]).dtype)
        for p, values in enumerate(predicted):
            rows = pattern == p
            if rows.any():
                result[rows] = values
        return result

    def _nearest(self, there: np.ndarray) -> np.ndarray:
        """Return the pattern of each row, or the largest one inside it."""
        needs = self.patterns_[None] & ~there[:, None]
        sizes = np.where(needs.any(axis=2), -1, self.patterns_.sum(axis=1))
        pattern: np.ndarray = sizes.argmax(axis=1)
        lost = sizes.max(axis=1) < 0
        if lost.any():
            row = int(lost.argmax())
            raise UserError(
                f"Row {row} has too few sources: every model needs a column that it "
                f"lacks. It has the columns {np.flatnonzero(there[row]).tolist()}."
            )
        return pattern

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R², or the accuracy of a classifier.

        Args:
            X: As in `predict`.
            y: Target (examples,).
            sample_weight: Weight of each example.

        Returns:
            At most 1.
        """
        measure = accuracy_score if is_classifier(self) else r2_score
        return float(measure(y, self.predict(X), sample_weight=sample_weight))


def _filled(x: np.ndarray) -> np.ndarray:
    """Return zeros for NaN: a column of zeros has the weight zero."""
    return np.where(np.isnan(x), 0.0, x)
