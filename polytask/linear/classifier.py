"""Linear classification of several tasks with a task structure."""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, MultiOutputMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from polytask.errors import UserError
from polytask.linear.base import LinearMultiTask
from polytask.linear.datafits.cross_entropy import CrossEntropy
from polytask.linear.samples import (
    Samples,
    is_per_task,
    labeled_predictions,
    missing,
    read_inputs,
    read_samples,
)
from polytask.linear.squares import task_weights
from polytask.linear.structure import Structure


class MultiTaskClassifier(MultiOutputMixin, ClassifierMixin, LinearMultiTask):
    """Σ_t mean cross-entropy of task t + Ω(W), minimized exactly.

    A binary task has one column of weights, one of K > 2 classes has K, and the task
    structure acts on all columns side by side. Structures that compare tasks weight
    by weight (`mean_regularized`, `graph_laplacian`, ...) need tasks of equally many
    classes.

    Args:
        task_structure: As in `MultiTaskRegressor`. Defaults to `"l21"`.
        strength: As in `MultiTaskRegressor`. With one binary task and `"l2"` it is
            `1 / (C · n_samples)` of scikit-learn's `LogisticRegression`.
        ratio: As in `MultiTaskRegressor`, except that a name gets 0.1 by default.
        fit_intercept: Whether each column has an unpenalized intercept. Defaults to
            True.
        task_weights: As in `MultiTaskRegressor`. Defaults to `"equal"`.
        tol: Largest accepted residual of the optimality conditions, as a fraction of
            the largest gradient entry at W = 0. Defaults to 1e-6.
        max_iter: Largest number of iterations. Defaults to 10000.
        warm_start: As in `MultiTaskRegressor`.

    Attributes:
        classes_: Sorted classes; a list of such arrays for several tasks.
        coef_: Weights (columns, features).
        intercept_: Intercepts (columns,).
        strength_, kkt_residual_, objective_, n_iter_, n_tasks_, n_features_in_: As
            in `MultiTaskRegressor`.

    Example:
        >>> import numpy as np
        >>> x = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
        >>> y = np.array([["no", "a"], ["no", "b"], ["yes", "a"], ["yes", "b"]])
        >>> MultiTaskClassifier("l21", ratio=0.01).fit(x, y).predict(x).tolist()
        [['no', 'a'], ['no', 'b'], ['yes', 'a'], ['yes', 'b']]
    """

    def __init__(
        self,
        task_structure: Any = "l21",
        *,
        strength: float | None = None,
        ratio: float | None = None,
        fit_intercept: bool = True,
        task_weights: str = "equal",
        tol: float = 1e-6,
        max_iter: int = 10000,
        warm_start: bool = False,
    ) -> None:
        self.task_structure = task_structure
        self.strength = strength
        self.ratio = ratio
        self.fit_intercept = fit_intercept
        self.task_weights = task_weights
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "MultiTaskClassifier":
        """Fit all tasks together.

        Args:
            X: Inputs (examples, features), or a list of such tables, one per task.
            y: Labels (examples,) or (examples, tasks), NaN or None where missing; for
                a list of tables, a list of vectors.
            sample_weight: As in `MultiTaskRegressor.fit`.

        Returns:
            The estimator.

        Raises:
            UserError: If an option or the task structure is not valid, or a task has
                fewer than two classes.
        """
        self._check_options()
        samples = read_samples(self, X, y, numeric=False, sample_weight=sample_weight)
        xs, codes, rows = self._encode(samples)
        constant = None
        stacked = samples.xs[0] if samples.shared else np.vstack(samples.xs)
        weight = np.concatenate([samples.weights_of(t) for t in range(len(samples.xs))])
        center = np.zeros(stacked.shape[1])
        if self.fit_intercept:
            # Centered inputs leave the intercepts nearly uncorrelated with the weights.
            center = np.average(stacked, axis=0, weights=weight)
            squares = np.sum((stacked - center) ** 2, axis=1)
            deviation = float(np.sqrt(np.average(squares, weights=weight)))
            constant = deviation if deviation > 0 else 1.0
        widths = [1 if len(c) == 2 else len(c) for c in self._class_lists]
        counts = np.array([float(s.sum()) for s in rows])
        datafit = CrossEntropy(
            [x - center for x in xs],
            codes,
            widths,
            task_weights(counts, self.task_weights),
            rows,
            constant,
        )
        structure = Structure(
            self.task_structure,
            samples.names,
            widths,
            intercept_row=self.fit_intercept,
        )
        solution = self._solve(structure, datafit, self.strength, self.ratio)
        variable = solution.state.variable
        w = variable.sum(axis=0) if variable.ndim == 3 else variable
        intercepts = np.zeros(w.shape[1])
        if constant is not None:
            intercepts, w = constant * w[-1], w[:-1]
        self.coef_ = np.ascontiguousarray(w.T)
        self.intercept_ = intercepts - center @ w
        self._columns = datafit.columns
        self.n_tasks_ = len(samples.names)
        self._single = samples.single
        self.classes_ = self._class_lists[0] if samples.single else self._class_lists
        return self

    def _encode(
        self, samples: Samples
    ) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
        """Return each task's labeled inputs, classes, weights; keep the classes."""
        self._class_lists, xs, codes, rows = [], [], [], []
        for t, (name, y) in enumerate(zip(samples.names, samples.ys, strict=True)):
            weight = samples.weights_of(0 if samples.shared else t)
            known = ~missing(y) & (weight > 0)
            labels = y[known]
            if labels.dtype.kind == "O":
                labels = np.array(labels.tolist())
            check_classification_targets(labels)
            classes, code = np.unique(labels, return_inverse=True)
            if classes.size < 2:
                raise UserError(
                    f'Task "{name}" has only one class, {classes[0]}; a classifier '
                    "needs examples of at least 2 classes."
                )
            x = samples.xs[0] if samples.shared else samples.xs[t]
            xs.append(x if known.all() else x[known])
            codes.append(code)
            rows.append(weight[known])
            self._class_lists.append(classes)
        return xs, codes, rows

    def _scores(self, X: Any) -> list[np.ndarray]:
        """Return each task's scores (examples, columns)."""
        check_is_fitted(self)
        inputs = read_inputs(self, X)
        inputs = inputs if is_per_task(X) else inputs * self.n_tasks_
        return [
            x @ self.coef_[columns].T + self.intercept_[columns]
            for x, columns in zip(inputs, self._columns, strict=True)
        ]

    def decision_function(self, X: Any) -> Any:
        """Return the scores.

        Args:
            X: As in `predict`.

        Returns:
            For one task as a vector (examples,) if binary, else (examples, classes).
            For several tasks (examples, tasks) if all are binary and `X` is one
            table, else a list with the scores of each.
        """
        scores = [s[:, 0] if s.shape[1] == 1 else s for s in self._scores(X)]
        if self._single:
            return scores[0]
        binary = all(s.ndim == 1 for s in scores) and not is_per_task(X)
        return np.stack(scores, axis=1) if binary else scores

    def predict_proba(self, X: Any) -> Any:
        """Return the probabilities of the classes.

        Args:
            X: As in `predict`.

        Returns:
            Array (examples, classes); for several tasks a list of these.
        """
        shares = [_probabilities(s) for s in self._scores(X)]
        return shares[0] if self._single else shares

    def predict(self, X: Any) -> Any:
        """Predict the classes.

        Args:
            X: Inputs (examples, features), for which all tasks are predicted; or a
                list of tables, one per task.

        Returns:
            Array (examples, tasks), or (examples,) for one task as a vector; for a
            list, a list of vectors.
        """
        scores = self._scores(X)
        class_lists = [self.classes_] if self._single else self.classes_
        labels = [
            classes[(s[:, 0] > 0).astype(int) if s.shape[1] == 1 else s.argmax(axis=1)]
            for s, classes in zip(scores, class_lists, strict=True)
        ]
        if self._single:
            return labels[0]
        return labels if is_per_task(X) else np.stack(labels, axis=1)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the mean over the tasks of the accuracy on their labeled examples.

        Args:
            X: As in `fit`.
            y: As in `fit`.
            sample_weight: Weight of each example, for one table of inputs.

        Returns:
            From 0 to 1.

        Raises:
            UserError: If a task has no label.
        """
        scores = [
            np.average(labels == predicted, weights=weight)
            for labels, predicted, weight in labeled_predictions(
                self.predict(X), y, sample_weight
            )
        ]
        return float(np.mean(scores))


def _probabilities(scores: np.ndarray) -> np.ndarray:
    """Return the probabilities of the classes for one task's scores."""
    if scores.shape[1] == 1:
        second = 0.5 * (1.0 + np.tanh(0.5 * scores))
        return np.hstack([1.0 - second, second])
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    normalized: np.ndarray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return normalized
