"""What the network learns: one named target, and all that its kind decides."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from polytask.errors import UserError, nearest
from polytask.lab import metric
from polytask.lab.metric import Metric

if TYPE_CHECKING:
    # Tables are read for tasks: the other way would be a circle.
    from polytask.lab.tables.column import Column

#: The most classes that a task may have, unless the caller says otherwise.
MAX_CLASSES = 100


@dataclass(frozen=True)
class Task:
    """One target of a multi-task model.

    Args:
        name: The target's column, also the name of the model's output.
        kind: A name of `KINDS`: `"binary"`, `"multiclass"` or `"regression"`.
        classes: The labels as text, in code order (binary: negative, positive);
            empty for numbers.
        mean: Numbers are trained as `(y - mean) / scale`, both fitted on training
            rows. Metrics stay in the original units.
        scale: See `mean`.

    Example:
        >>> Task("rating", "regression", mean=3.5, scale=1.1).output_units
        1
    """

    name: str
    kind: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_kind(self.name, self.kind)
        expected = self.rules.number_of_classes
        if expected is not None and len(self.classes) != expected:
            raise UserError(
                f"Task {self.name!r} is {self.kind} and needs {expected} class names, "
                f"found {len(self.classes)}: {', '.join(self.classes)}."
            )

    @property
    def rules(self) -> "TaskKind":
        """What its kind decides."""
        return KINDS[self.kind]

    @property
    def output_units(self) -> int:
        """The width of the model's output for this task."""
        return self.rules.units(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the task as plain JSON values."""
        return {**asdict(self), "classes": list(self.classes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Task":
        """Return the task that `to_dict` described."""
        return cls(**{**values, "classes": tuple(values.get("classes", ()))})


def is_labeled(labels: np.ndarray) -> np.ndarray:
    """Return which rows have a label, bool of shape (rows,).

    Args:
        labels: Floats with NaN where missing, or integers with -1, of shape (rows,
            ...); a row of several values is labeled if all of them are there.

    Example:
        >>> is_labeled(np.array([2, -1])).tolist()
        [True, False]
    """
    there = ~np.isnan(labels) if labels.dtype.kind == "f" else labels != MISSING
    return np.asarray(there.all(axis=tuple(range(1, there.ndim))))


#: Marks a missing label among integers, as in `polytask.training`.
MISSING = -1


class TaskKind(ABC):
    """All that a kind of task decides, from its labels to its predictions.

    A new kind is one subclass with one instance in `KINDS`. A *prediction* is what
    metrics and users see: the probability of the positive class (rows,),
    probabilities (rows, classes), or numbers in original units (rows,).

    Attributes:
        name: How users write it, as in `--task income:binary`.
        loss: Keras's name of the training loss.
        activation: Keras's name of the head's activation, or None.
        dtype: Of the labels; floats mark a missing one by NaN, integers by -1.
        metrics: What is reported; the first decides.
        reads: The kind of column that labels are read as.
        has_classes: Whether labels are one of `Task.classes`.
        number_of_classes: How many there must be; None for any number.
    """

    name: ClassVar[str]
    loss: ClassVar[str]
    activation: ClassVar[str | None]
    dtype: ClassVar[type[np.generic]]
    metrics: ClassVar[tuple[Metric, ...]]
    reads: ClassVar[str]
    has_classes: ClassVar[bool]
    number_of_classes: ClassVar[int | None]

    @property
    def primary(self) -> Metric:
        """The metric that decides."""
        return self.metrics[0]

    @property
    def missing(self) -> float:
        """What stands in place of a missing label."""
        return np.nan if issubclass(self.dtype, np.floating) else MISSING

    def units(self, task: Task) -> int:
        """Return the width of the model's output."""
        return 1

    def head(self, task: Task, penalty: Any, name: str) -> Callable[[Any], Any]:
        """Return the layer between a tower and the task's output.

        Args:
            task: What is predicted.
            penalty: Regularizer of its kernel, or None.
            name: Of the layer.
        """
        # Imported here: reading a table needs no Keras.
        import keras

        layer: Callable[[Any], Any] = keras.layers.Dense(
            self.units(task),
            activation=self.activation,
            kernel_regularizer=penalty,
            name=name,
        )
        return layer

    @abstractmethod
    def learned(self, column: "Column", max_classes: int) -> Task:
        """Return the task that a column of labels is.

        Raises:
            UserError: If the labels are not of this kind.
        """

    @abstractmethod
    def labels(self, task: Task, column: "Column") -> np.ndarray:
        """Return a column's labels, of shape (rows,).

        Raises:
            UserError: If one is not of this kind, or of an unknown class.
        """

    def fitted(self, task: Task, labels: np.ndarray) -> Task:
        """Return the task with what the training rows' labels (present ones) tell."""
        return task

    def targets(self, task: Task, labels: np.ndarray) -> np.ndarray:
        """Return labels as the training loss takes them."""
        return labels.astype(np.float32)[:, None]

    def predictions(self, task: Task, output: np.ndarray) -> np.ndarray:
        """Return the model's output of shape (rows, units) as predictions."""
        return output[:, 0]

    @abstractmethod
    def loss_value(self, task: Task, y: np.ndarray, prediction: np.ndarray) -> float:
        """Return the loss without any penalty, as `targets` scale it."""

    @abstractmethod
    def constant(self, task: Task, labels: np.ndarray) -> np.ndarray:
        """Return the one prediction with the smallest loss on present labels."""

    @abstractmethod
    def facts(self, task: Task, labels: np.ndarray) -> dict[str, Any]:
        """Return what a report says of present labels, as plain JSON values."""

    @abstractmethod
    def strata(self, labels: np.ndarray) -> np.ndarray:
        """Return the stratum, from 1, of present labels for splitting rows."""

    @abstractmethod
    def columns(self, task: Task, prediction: np.ndarray) -> dict[str, np.ndarray]:
        """Return predictions as columns of a table."""


class _Numbers(TaskKind):
    """Numbers, of which the model predicts one."""

    activation = None
    dtype = np.float32
    reads = "numeric"
    has_classes = False
    number_of_classes = 0

    def learned(self, column: "Column", max_classes: int) -> Task:
        task = Task(column.name, self.name)
        labels = self.labels(task, column)
        distinct = np.unique(labels[~column.missing])[:2]
        _check_variety(column, [f"{number:.12g}" for number in distinct])
        return task

    def labels(self, task: Task, column: "Column") -> np.ndarray:
        column.check()
        numbers = np.asarray(column.values)
        if np.nanmax(np.abs(numbers), initial=0.0) > np.finfo(np.float32).max:
            raise UserError(
                f"column {task.name!r} holds numbers beyond the range of float32; "
                "rescale it."
            )
        return numbers.astype(np.float32)

    def constant(self, task: Task, labels: np.ndarray) -> np.ndarray:
        return np.asarray(labels.mean(dtype=np.float64))

    def facts(self, task: Task, labels: np.ndarray) -> dict[str, Any]:
        numbers = labels.astype(np.float64)
        if not len(numbers):
            return {"mean": None, "std": None}
        return {"mean": float(numbers.mean()), "std": float(numbers.std())}

    def strata(self, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels), np.int64)

    def columns(self, task: Task, prediction: np.ndarray) -> dict[str, np.ndarray]:
        return {task.name: prediction}


class _Classes(TaskKind):
    """Classes, of which the model predicts the probabilities."""

    reads = "categorical"
    has_classes = True
    number_of_classes: ClassVar[int | None] = None

    def learned(self, column: "Column", max_classes: int) -> Task:
        column.check()
        classes = column.labels
        _check_variety(column, classes)
        numbers = all(_is_number(label) for label in classes)
        if self.number_of_classes not in (None, len(classes)):
            raise UserError(
                f"column {column.name!r} holds {len(classes)} different labels "
                f"({_shown(classes)}); a {self.name} task has two. Did you mean "
                f"{column.name}:{'regression' if numbers else 'multiclass'}?"
            )
        if len(classes) > max_classes:
            raise UserError(
                f"column {column.name!r} holds {len(classes)} different labels "
                f"({_shown(classes)}); at most {max_classes} are accepted. "
                + (f"Did you mean {column.name}:regression?" if numbers else "")
            )
        return Task(column.name, self.name, classes)

    def labels(self, task: Task, column: "Column") -> np.ndarray:
        texts = column.values.categories
        places = {label: code for code, label in enumerate(task.classes)}
        codes = np.array([*(places.get(text, -1) for text in texts), -1])
        labels = codes[column.values.codes]
        wrong = np.flatnonzero((labels < 0) & ~column.missing)
        if len(wrong):
            raise UserError(
                f"column {task.name!r} holds the label {column.values[wrong[0]]!r} in "
                f"{column.row(wrong[0])}. Accepted: {_shown(task.classes)}."
            )
        return np.where(labels < 0, self.missing, labels).astype(self.dtype)

    def loss_value(self, task: Task, y: np.ndarray, prediction: np.ndarray) -> float:
        return metric.log_loss(y, prediction)

    def facts(self, task: Task, labels: np.ndarray) -> dict[str, Any]:
        counts = np.bincount(labels.astype(np.int64), minlength=len(task.classes))
        return {"counts": dict(zip(task.classes, counts.tolist(), strict=True))}

    def strata(self, labels: np.ndarray) -> np.ndarray:
        return labels.astype(np.int64) + 1

    def columns(self, task: Task, prediction: np.ndarray) -> dict[str, np.ndarray]:
        names = np.array(task.classes, dtype=object)
        probabilities = {
            f"{task.name}={label}": prediction[:, code]
            for code, label in enumerate(task.classes)
        }
        return {task.name: names[prediction.argmax(axis=1)], **probabilities}


class _Binary(_Classes):
    name = "binary"
    loss = "binary_crossentropy"
    activation = "sigmoid"
    dtype = np.float32
    metrics = (metric.AUC, metric.ACCURACY, metric.LOG_LOSS)
    number_of_classes = 2

    def constant(self, task: Task, labels: np.ndarray) -> np.ndarray:
        return np.asarray(labels.mean(dtype=np.float64))

    def facts(self, task: Task, labels: np.ndarray) -> dict[str, Any]:
        rate = float(labels.mean(dtype=np.float64)) if len(labels) else None
        return {**super().facts(task, labels), "rate": rate}

    def columns(self, task: Task, prediction: np.ndarray) -> dict[str, np.ndarray]:
        labels = np.array(task.classes, dtype=object)[(prediction >= 0.5).astype(int)]
        return {task.name: labels, f"{task.name}={task.classes[1]}": prediction}


class _Multiclass(_Classes):
    name = "multiclass"
    loss = "sparse_categorical_crossentropy"
    activation = "softmax"
    dtype = np.int32
    metrics = (metric.ACCURACY, metric.LOG_LOSS, metric.AUC)

    def units(self, task: Task) -> int:
        return len(task.classes)

    def targets(self, task: Task, labels: np.ndarray) -> np.ndarray:
        return labels

    def predictions(self, task: Task, output: np.ndarray) -> np.ndarray:
        return output

    def constant(self, task: Task, labels: np.ndarray) -> np.ndarray:
        return np.bincount(labels, minlength=len(task.classes)) / labels.size


class _Regression(_Numbers):
    name = "regression"
    loss = "mean_squared_error"
    metrics = (metric.RMSE, metric.MAE, metric.R2)

    def fitted(self, task: Task, labels: np.ndarray) -> Task:
        numbers = labels.astype(np.float64)
        return replace(task, mean=float(numbers.mean()), scale=float(numbers.std()))

    def targets(self, task: Task, labels: np.ndarray) -> np.ndarray:
        return super().targets(task, (labels - task.mean) / task.scale)

    def predictions(self, task: Task, output: np.ndarray) -> np.ndarray:
        return output[:, 0] * task.scale + task.mean

    def loss_value(self, task: Task, y: np.ndarray, prediction: np.ndarray) -> float:
        error = (y.astype(np.float64) - prediction.astype(np.float64)) / task.scale
        return float(np.mean(np.square(error)))


def _check_variety(column: "Column", labels: Sequence[str]) -> None:
    if not labels:
        raise UserError(
            f"all {len(column)} labels in column {column.name!r} are missing."
        )
    if len(labels) == 1:
        raise UserError(
            f"every label in column {column.name!r} is {labels[0]!r}; at least two "
            "different ones are needed."
        )


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True


def _shown(labels: Sequence[str]) -> str:
    """Return the first few labels for a message."""
    shown = ", ".join(repr(label) for label in labels[:5])
    return shown + (", ..." if len(labels) > 5 else "")


#: Name → what the kind decides.
KINDS: dict[str, TaskKind] = {
    kind.name: kind for kind in (_Binary(), _Multiclass(), _Regression())
}
#: Kind → its metrics; the first decides.
METRICS: dict[str, tuple[Metric, ...]] = {k.name: k.metrics for k in KINDS.values()}


def primary_metric(kind: str) -> Metric:
    """Return the metric that decides for a kind of task.

    Example:
        >>> primary_metric("regression").name
        'rmse'
    """
    return KINDS[kind].primary


def check_kind(name: str, kind: str) -> None:
    """Raise `UserError` if `kind` is not a kind of task."""
    if kind not in KINDS:
        raise UserError(
            f"Task {name!r} has the kind {kind!r}.{nearest(str(kind), KINDS)} "
            f"Accepted: {', '.join(KINDS)}."
        )


def parse_task(text: str) -> tuple[str, str]:
    """Split `"column:kind"` at its last colon.

    Args:
        text: Such as `"income:binary"`.

    Returns:
        The column and the kind.

    Raises:
        UserError: If a part is missing or the kind is unknown.

    Example:
        >>> parse_task("income:binary")
        ('income', 'binary')
    """
    name, colon, kind = text.rpartition(":")
    if not colon or not name or not kind:
        raise UserError(
            f"Task {text!r} does not say what it is. Write COLUMN:KIND, such as "
            f"{(name or kind or 'income')}:binary; kinds: {', '.join(KINDS)}."
        )
    check_kind(name, kind)
    return name, kind


def task_kinds(
    tasks: Mapping[str, str] | Sequence[str | tuple[str, str]],
) -> dict[str, str]:
    """Bring the accepted ways to write tasks into one form.

    Args:
        tasks: `{"income": "binary"}`, `["income:binary"]` or
            `[("income", "binary")]`.

    Returns:
        Column → kind, in the given order.

    Raises:
        UserError: If there is no task, one is named twice or a kind is unknown.

    Example:
        >>> task_kinds(["income:binary", ("rating", "regression")])
        {'income': 'binary', 'rating': 'regression'}
    """
    if isinstance(tasks, Mapping):
        pairs = list(tasks.items())
    else:
        pairs = [parse_task(task) if isinstance(task, str) else task for task in tasks]
    if not pairs:
        raise UserError("No task is given; at least one COLUMN:KIND is needed.")
    kinds: dict[str, str] = {}
    for name, kind in pairs:
        if name in kinds:
            raise UserError(
                f"Task {name!r} is given twice ({kinds[name]} and {kind}); a column "
                "can be the target of one task."
            )
        check_kind(name, kind)
        kinds[name] = kind
    return kinds
