"""What the network learns: one named target, and all that its kind decides."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from polytask.errors import UserError, nearest
from polytask.lab.metric import Metric, Weight

if TYPE_CHECKING:
    # Tables are read for tasks: the other way would be a circle.
    from polytask.lab.tables.column import Column

#: Name → what the kind decides; `polytask.lab.kinds` fills it.
KINDS: dict[str, "TaskKind"] = {}

#: The most classes that a task may have, unless the caller says otherwise.
MAX_CLASSES = 100


@dataclass(frozen=True)
class Task:
    """One target of a multi-task model.

    Args:
        name: The target's column, also the name of the model's output.
        kind: A name of `KINDS`: `"binary"`, `"multiclass"`, `"ordinal"`,
            `"regression"`, `"count"` or `"positive"`.
        classes: The labels as text, in code order (binary: negative, positive);
            empty for numbers.
        mean: Numbers are trained as `(y - mean) / scale`, both fitted on training
            rows: of positive numbers, their logarithms; counts as `y / scale`. Metrics
            stay in the original units.
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
        loss: Keras's name of the training loss, or of one with the same gradient.
        activation: Keras's name of the head's activation, or None.
        dtype: Of the labels; floats mark a missing one by NaN, integers by -1.
        metrics: What is reported; the first decides.
        reads: The kind of column that labels are read as.
        has_classes: Whether labels are one of `Task.classes`.
        mean_of: What the labels of numbers are averaged as: `"identity"`, `"poisson"`
            or `"log"`; it chooses the models that networks are compared with.
        number_of_classes: How many there must be; None for any number.
    """

    name: ClassVar[str]
    loss: ClassVar[str]
    activation: ClassVar[str | None]
    dtype: ClassVar[type[np.generic]]
    metrics: ClassVar[tuple[Metric, ...]]
    reads: ClassVar[str]
    has_classes: ClassVar[bool]
    mean_of: ClassVar[str] = "identity"
    number_of_classes: ClassVar[int | None]

    @property
    def primary(self) -> Metric:
        """The metric that decides."""
        return self.metrics[0]

    @property
    def missing(self) -> float:
        """What stands in place of a missing label."""
        return np.nan if issubclass(self.dtype, np.floating) else MISSING

    def training_loss(self) -> Any:
        """Return the training loss, as `compile` takes it."""
        return self.loss

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

    def averaged(self, members: Sequence[np.ndarray]) -> np.ndarray:
        """Return the predictions of a model that averages its members' outputs."""
        mean: np.ndarray = np.mean(members, axis=0)
        return mean

    @abstractmethod
    def loss_value(
        self, task: Task, y: np.ndarray, prediction: np.ndarray, weight: Weight = None
    ) -> float:
        """Return the loss without any penalty, as `targets` scale it.

        Rows count by their weight, or alike.
        """

    @abstractmethod
    def constant(
        self, task: Task, labels: np.ndarray, weight: Weight = None
    ) -> np.ndarray:
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


def check_kind(name: str, kind: str) -> None:
    """Raise `UserError` if `kind` is not a kind of task."""
    if kind not in KINDS:
        raise UserError(
            f"Task {name!r} has the kind {kind!r}.{nearest(str(kind), KINDS)} "
            f"Accepted: {', '.join(KINDS)}."
        )


def check_variety(column: "Column", labels: Sequence[str]) -> None:
    """Raise `UserError` unless there are two different labels."""
    if not labels:
        raise UserError(
            f"all {len(column)} labels in column {column.name!r} are missing."
        )
    if len(labels) == 1:
        raise UserError(
            f"every label in column {column.name!r} is {labels[0]!r}; at least two "
            "different ones are needed."
        )
