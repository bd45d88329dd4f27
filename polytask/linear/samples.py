"""What the user passes to `fit`, read once: shared examples or a list for each task."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    validate_data,
)

from polytask.errors import UserError


@dataclass(frozen=True)
class Samples:
    """The examples of all tasks.

    Attributes:
        xs: Inputs of each task (examples, features); one entry if they are shared.
        ys: Labels of each task (examples,); with shared inputs they may be missing.
        names: The tasks' names.
        single: Whether the user passed one task as a vector.
        weights: Weight of each example, at least 0, for each entry of `xs`; or None.
    """

    xs: list[Any]
    ys: list[np.ndarray]
    names: tuple[str, ...]
    single: bool = False
    weights: list[np.ndarray] | None = None

    @property
    def shared(self) -> bool:
        """Whether all tasks have the same examples."""
        return len(self.xs) == 1

    @property
    def sparse(self) -> bool:
        """Whether the inputs are sparse."""
        return issparse(self.xs[0])

    def weights_of(self, table: int) -> np.ndarray:
        """Return the weight of each example in an entry of `xs`."""
        if self.weights is None:
            return np.ones(self.xs[table].shape[0])
        return self.weights[table]

    def subset(self, rows: list[np.ndarray]) -> "Samples":
        """Return some of the examples.

        Args:
            rows: Positions in each entry of `xs`.
        """
        per_task = rows * len(self.ys) if self.shared else rows
        return Samples(
            [x[i] for x, i in zip(self.xs, rows, strict=True)],
            [y[i] for y, i in zip(self.ys, per_task, strict=True)],
            self.names,
            self.single,
            None
            if self.weights is None
            else [w[i] for w, i in zip(self.weights, rows, strict=True)],
        )


def missing(y: np.ndarray) -> np.ndarray:
    """Return where labels are missing: NaN, None or the NA of pandas."""
    if y.dtype.kind == "f":
        return np.isnan(y)
    if y.dtype.kind == "O":
        return np.array([_is_missing(v) for v in y.ravel()], bool).reshape(y.shape)
    return np.zeros(y.shape, dtype=bool)


def _is_missing(value: Any) -> bool:
    differs = value != value
    # The NA of pandas neither equals itself nor differs.
    unknown = not isinstance(differs, bool | np.bool_)
    return value is None or unknown or bool(differs)


def is_per_task(x: Any) -> bool:
    """Return whether `x` is a list with one table for each task."""
    if not isinstance(x, list | tuple) or not x:
        return False
    return all(np.ndim(entry) == 2 for entry in x)


def labeled_predictions(
    predicted: Any, y: Any, sample_weight: Any = None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Yield each task's labels, its predictions of them, and their weights.

    Args:
        predicted: What an estimator predicts.
        y: Labels, as `read_samples` takes them.
        sample_weight: Weight of each example, for one table of inputs.

    Raises:
        UserError: If a task has no label.
    """
    if isinstance(predicted, list):
        pairs = zip(map(np.asarray, y), predicted, strict=True)
    else:
        labels = np.asarray(y)
        columns = labels.reshape(len(labels), -1).T
        pairs = zip(columns, predicted.reshape(len(labels), -1).T, strict=True)
    for place, (labels, guesses) in enumerate(pairs):
        known = ~missing(labels)
        if not known.any():
            raise UserError(
                f"Task {place} has no labels: all {labels.size} are missing, so that "
                "it has no score."
            )
        weight = None if sample_weight is None else np.asarray(sample_weight)[known]
        yield labels[known], guesses[known], weight


def read_inputs(estimator: BaseEstimator, x: Any) -> list[Any]:
    """Return the inputs to predict for.

    Args:
        estimator: The fitted estimator.
        x: A table, or a list of one for each task.

    Returns:
        One array, or one for each task.

    Raises:
        UserError: If the number of tables is not that of the tasks.
    """
    options = {"reset": False, "dtype": np.float64, "accept_sparse": _sparse(estimator)}
    if not is_per_task(x):
        return [validate_data(estimator, x, **options)]
    if len(x) != estimator.n_tasks_:
        raise UserError(
            f"X has {len(x)} tables, but the estimator was fitted for "
            f"{estimator.n_tasks_} tasks. Pass one table for each task, or one table."
        )
    return [validate_data(estimator, entry, **options) for entry in x]


def _sparse(estimator: BaseEstimator) -> Any:
    """Return the sparse forms of inputs that an estimator takes."""
    return ("csr", "csc") if estimator.takes_sparse else False


def read_samples(
    estimator: BaseEstimator, x: Any, y: Any, numeric: bool, sample_weight: Any = None
) -> Samples:
    """Return the examples that an estimator is fitted on.

    Args:
        estimator: It learns the number and names of the features.
        x: A table (examples, features), or a list of one for each task.
        y: Labels (examples,) or (examples, tasks), NaN or None where missing; or a
            list of one vector for each task.
        numeric: Whether labels are numbers.
        sample_weight: Weight of each example, at least 0, or None; for a list of tables
            a list of such.

    Raises:
        UserError: If a task has no label, or the lists do not match.
        ValueError: If the arrays are not valid, with scikit-learn's messages.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None."
        )
    read = _separate if is_per_task(x) else _shared
    samples = read(estimator, x, y, numeric, sample_weight)
    for t, (name, labels) in enumerate(zip(samples.names, samples.ys, strict=True)):
        weight = samples.weights_of(0 if samples.shared else t)
        if not weight[~missing(labels)].any():
            raise UserError(
                f'Task "{name}" has no labels: all {labels.size} are missing'
                f"{' or of weight 0' if samples.weights else ''}. Drop the task or add "
                "labels."
            )
    return samples


def _labels(y: Any, numeric: bool) -> np.ndarray:
    labels: np.ndarray = check_array(
        y,
        ensure_2d=False,
        dtype=np.float64 if numeric else None,
        ensure_all_finite=False if not numeric else "allow-nan",
        input_name="y",
    )
    return labels


def _table(estimator: BaseEstimator, x: Any, reset: bool = True) -> Any:
    """Return inputs as an array, or as a sparse one by rows."""
    options = {"dtype": np.float64, "accept_sparse": _sparse(estimator), "order": "C"}
    table = validate_data(estimator, x, reset=reset, **options)
    return table.tocsr() if issparse(table) else table


def _checked_weight(sample_weight: Any, table: Any) -> np.ndarray:
    """Return weights that are numbers of at least 0, some of them above."""
    weight: np.ndarray = _check_sample_weight(
        sample_weight, table, dtype=np.float64, ensure_non_negative=True
    )
    return weight


def _shared(
    estimator: BaseEstimator, x: Any, y: Any, numeric: bool, sample_weight: Any
) -> Samples:
    names = getattr(y, "columns", None)
    array = _table(estimator, x)
    labels = _labels(y, numeric)
    check_consistent_length(array, labels)
    if labels.ndim > 2:
        raise UserError(
            f"Y must have the shape (examples,) or (examples, tasks); found "
            f"{labels.shape}."
        )
    single = labels.ndim == 1
    weights = None
    if sample_weight is not None:
        weights = [_checked_weight(sample_weight, array)]
    columns = [labels] if single else list(labels.T)
    if names is None:
        names = range(len(columns))
    every = tuple(str(name) for name in names)
    return Samples([array], columns, every, single, weights)


def _separate(
    estimator: BaseEstimator,
    x: Sequence[Any],
    y: Any,
    numeric: bool,
    sample_weight: Any,
) -> Samples:
    if not isinstance(y, list | tuple) or len(y) != len(x):
        what = len(y) if isinstance(y, list | tuple) else type(y).__name__
        raise UserError(
            f"X is a list of {len(x)} tables, one for each task; y must then be a list "
            f"of {len(x)} vectors. Found {what}."
        )
    weighted = sample_weight is not None
    if weighted and not (
        isinstance(sample_weight, list | tuple) and len(sample_weight) == len(x)
    ):
        raise UserError(
            f"X is a list of {len(x)} tables, so sample_weight must be a list of "
            f"{len(x)} vectors."
        )
    names = tuple(str(t) for t in range(len(x)))
    xs, ys, weights = [], [], []
    for t, (table, labels) in enumerate(zip(x, y, strict=True)):
        array = _table(estimator, table, reset=t == 0)
        vector = _labels(labels, numeric)
        vector = vector.ravel() if vector.ndim == 2 and vector.shape[1] == 1 else vector
        if vector.ndim != 1:
            raise UserError(
                f"The labels of task {t} must be one vector; found the shape "
                f"{vector.shape}."
            )
        check_consistent_length(array, vector)
        known = ~missing(vector)
        if weighted:
            weights.append(_checked_weight(sample_weight[t], array)[known])
        xs.append(array[known])
        ys.append(vector[known])
    return Samples(xs, ys, names, weights=weights if weighted else None)
