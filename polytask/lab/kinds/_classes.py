"""Kinds of task whose labels are classes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from polytask.errors import UserError
from polytask.lab import metric
from polytask.lab.kinds.task_kind import Task, TaskKind, check_variety
from polytask.lab.metric import Weight

if TYPE_CHECKING:
    from polytask.lab.tables.column import Column


class Classes(TaskKind):
    """Classes, of which the model predicts the probabilities."""

    reads = "categorical"
    has_classes = True
    number_of_classes: ClassVar[int | None] = None

    def learned(self, column: "Column", max_classes: int) -> Task:
        column.check()
        classes = column.labels
        check_variety(column, classes)
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

    def loss_value(
        self, task: Task, y: np.ndarray, prediction: np.ndarray, weight: Weight = None
    ) -> float:
        return metric.log_loss(y, prediction, weight)

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


class Binary(Classes):
    """Two classes; the model predicts the probability of the one sorted last."""

    name = "binary"
    loss = "binary_crossentropy"
    activation = "sigmoid"
    dtype = np.float32
    metrics = (
        metric.AUC,
        metric.ACCURACY,
        metric.LOG_LOSS,
        metric.CALIBRATION_ERROR,
    )
    number_of_classes = 2

    def constant(
        self, task: Task, labels: np.ndarray, weight: Weight = None
    ) -> np.ndarray:
        return np.asarray(np.average(labels.astype(np.float64), weights=weight))

    def facts(self, task: Task, labels: np.ndarray) -> dict[str, Any]:
        rate = float(labels.mean(dtype=np.float64)) if len(labels) else None
        return {**super().facts(task, labels), "rate": rate}

    def columns(self, task: Task, prediction: np.ndarray) -> dict[str, np.ndarray]:
        labels = np.array(task.classes, dtype=object)[(prediction >= 0.5).astype(int)]
        return {task.name: labels, f"{task.name}={task.classes[1]}": prediction}


class Multiclass(Classes):
    """Classes without an order."""

    name = "multiclass"
    loss = "sparse_categorical_crossentropy"
    activation: ClassVar[str | None] = "softmax"
    dtype = np.int32
    metrics: ClassVar[tuple[metric.Metric, ...]] = (
        metric.ACCURACY,
        metric.LOG_LOSS,
        metric.AUC,
        metric.CALIBRATION_ERROR,
    )

    def units(self, task: Task) -> int:
        return len(task.classes)

    def targets(self, task: Task, labels: np.ndarray) -> np.ndarray:
        return labels

    def predictions(self, task: Task, output: np.ndarray) -> np.ndarray:
        return output

    def constant(
        self, task: Task, labels: np.ndarray, weight: Weight = None
    ) -> np.ndarray:
        counts = np.bincount(labels, weight, minlength=len(task.classes))
        return counts / counts.sum()


class Ordinal(Multiclass):
    """Ordered classes, by cumulative logits: one score and rising thresholds."""

    name = "ordinal"
    activation: ClassVar[str | None] = None
    metrics = (
        metric.RANK_MAE,
        metric.KAPPA,
        metric.RANK_ACCURACY,
        metric.LOG_LOSS,
    )

    def head(self, task: Task, penalty: Any, name: str) -> Callable[[Any], Any]:
        import keras

        from polytask.layers import CumulativeLogits

        score = keras.layers.Dense(
            1, use_bias=False, kernel_regularizer=penalty, name=name
        )
        grades = CumulativeLogits(len(task.classes), name=f"{name}_grades")
        return lambda tower: grades(score(tower))

    def learned(self, column: "Column", max_classes: int) -> Task:
        task = super().learned(column, max_classes)
        if len(task.classes) == 2:
            raise UserError(
                f"column {column.name!r} holds two different labels "
                f"({_shown(task.classes)}), which have no order to learn. Did you mean "
                f"{column.name}:binary?"
            )
        return replace(task, classes=column.ranked)

    def columns(self, task: Task, prediction: np.ndarray) -> dict[str, np.ndarray]:
        names = np.array(task.classes, dtype=object)
        median = names[metric.median_class(prediction)]
        return {**super().columns(task, prediction), task.name: median}


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
