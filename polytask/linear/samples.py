"""What the user passes to `fit`, read once: shared examples or a list for each task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, check_consistent_length, validate_data

from polytask.errors import UserError


@dataclass(frozen=True)
class Samples:
    """The examples of all tasks.

    Attributes:
        xs: Inputs of each task (examples, features); one entry if they are shared.
        ys: Labels of each task (examples,); with shared inputs they may be missing.
        names: The tasks' names.
        single: Whether the user passed one task as a vector.
    """

    xs: list[np.ndarray]
    ys: list[np.ndarray]
    names: tuple[str, ...]
    single: bool = False

    @property
    def shared(self) -> bool:
        """Whether all tasks have the same examples."""
        return len(self.xs) == 1

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
        )


def missing(y: np.ndarray) -> np.ndarray:
    """Return where labels are missing: NaN or None."""
    if y.dtype.kind == "f":
        return np.isnan(y)
    if y.dtype.kind == "O":
        return np.array([v is None or v != v for v in y.ravel()]).reshape(y.shape)
    return np.zeros(y.shape, dtype=bool)


def is_per_task(x: Any) -> bool:
    """Return whether `x` is a list with one table for each task."""
    if not isinstance(x, list | tuple) or not x:
        return False
    return all(np.ndim(entry) == 2 for entry in x)


def read_inputs(estimator: BaseEstimator, x: Any) -> list[np.ndarray]:
    """Return the inputs to predict for.

    Args:
        estimator: The fitted estimator.
        x: A table, or a list of one for each task.

    Returns:
        One array, or one for each task.

    Raises:
        UserError: If the number of tables is not that of the tasks.
    """
    if not is_per_task(x):
        return [validate_data(estimator, x, reset=False, dtype=np.float64)]
    if len(x) != estimator.n_tasks_:
        raise UserError(
            f"X has {len(x)} tables, but the estimator was fitted for "
            f"{estimator.n_tasks_} tasks. Pass one table for each task, or one table."
        )
    return [validate_data(estimator, e, reset=False, dtype=np.float64) for e in x]


def read_samples(estimator: BaseEstimator, x: Any, y: Any, numeric: bool) -> Samples:
    """Return the examples that an estimator is fitted on.

    Args:
        estimator: It learns the number and names of the features.
        x: A table (examples, features), or a list of one for each task.
        y: Labels (examples,) or (examples, tasks), NaN or None where missing; or a
            list of one vector for each task.
        numeric: Whether labels are numbers.

    Raises:
        UserError: If a task has no label, or the lists do not match.
        ValueError: If the arrays are not valid, with scikit-learn's messages.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None."
        )
    per_task = is_per_task(x)
    samples = (
        _separate(estimator, x, y, numeric)
        if per_task
        else _shared(estimator, x, y, numeric)
    )
    for name, labels in zip(samples.names, samples.ys, strict=True):
        if missing(labels).all():
            raise UserError(
                f'Task "{name}" has no labels: all {labels.size} are missing. Drop '
                "the task or add labels."
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


def _shared(estimator: BaseEstimator, x: Any, y: Any, numeric: bool) -> Samples:
    names = getattr(y, "columns", None)
    array = validate_data(estimator, x, dtype=np.float64, order="C")
    labels = _labels(y, numeric)
    check_consistent_length(array, labels)
    if labels.ndim > 2:
        raise UserError(
            f"Y must have the shape (examples,) or (examples, tasks); found "
            f"{labels.shape}."
        )
    single = labels.ndim == 1
    columns = [labels] if single else list(labels.T)
    if names is None:
        names = range(len(columns))
    return Samples([array], columns, tuple(str(name) for name in names), single)


def _separate(
    estimator: BaseEstimator, x: Sequence[Any], y: Any, numeric: bool
) -> Samples:
    if not isinstance(y, list | tuple) or len(y) != len(x):
        what = len(y) if isinstance(y, list | tuple) else type(y).__name__
        raise UserError(
            f"X is a list of {len(x)} tables, one for each task; y must then be a list "
            f"of {len(x)} vectors. Found {what}."
        )
    names = tuple(str(t) for t in range(len(x)))
    xs, ys = [], []
    for t, (table, labels) in enumerate(zip(x, y, strict=True)):
        array = validate_data(
            estimator, table, reset=t == 0, dtype=np.float64, order="C"
        )
        vector = _labels(labels, numeric)
        vector = vector.ravel() if vector.ndim == 2 and vector.shape[1] == 1 else vector
        if vector.ndim != 1:
            raise UserError(
                f"The labels of task {t} must be one vector; found the shape "
                f"{vector.shape}."
            )
        check_consistent_length(array, vector)
        known = ~missing(vector)
        xs.append(array[known])
        ys.append(vector[known])
    return Samples(xs, ys, names)
