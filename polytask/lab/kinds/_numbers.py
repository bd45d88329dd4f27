"""Kinds of task whose labels are numbers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from polytask.errors import UserError
from polytask.lab import metric
from polytask.lab.kinds.task_kind import Task, TaskKind, check_variety
from polytask.lab.metric import Weight

if TYPE_CHECKING:
    from polytask.lab.tables.column import Column


class Numbers(TaskKind):
    """Numbers, of which the model predicts one."""

    activation: ClassVar[str | None] = None
    dtype = np.float32
    reads = "numeric"
    has_classes = False
    number_of_classes = 0

    def learned(self, column: "Column", max_classes: int) -> Task:
        task = Task(column.name, self.name)
        labels = self.labels(task, column)
        distinct = np.unique(labels[~column.missing])[:2]
        check_variety(column, [f"{number:.12g}" for number in distinct])
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

    def constant(
        self, task: Task, labels: np.ndarray, weight: Weight = None
    ) -> np.ndarray:
        return np.asarray(np.average(labels.astype(np.float64), weights=weight))

    def facts(self, task: Task, labels: np.ndarray) -> dict[str, Any]:
        numbers = labels.astype(np.float64)
        if not len(numbers):
            return {"mean": None, "std": None}
        return {"mean": float(numbers.mean()), "std": float(numbers.std())}

    def strata(self, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels), np.int64)

    def columns(self, task: Task, prediction: np.ndarray) -> dict[str, np.ndarray]:
        return {task.name: prediction}


class Regression(Numbers):
    """Numbers, standardized, with the squared error."""

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

    def loss_value(
        self, task: Task, y: np.ndarray, prediction: np.ndarray, weight: Weight = None
    ) -> float:
        error = (y.astype(np.float64) - prediction.astype(np.float64)) / task.scale
        return float(np.average(np.square(error), weights=weight))


class Count(Numbers):
    """Counts, with a Poisson likelihood: the model predicts their mean.

    They are trained in units of their mean over the training rows, which changes the
    log-likelihood by a factor and a constant, so tasks stay comparable.
    """

    name = "count"
    loss = "poisson"
    activation = "exponential"
    mean_of = "poisson"
    metrics = (metric.POISSON_DEVIANCE, metric.MAE, metric.RMSE)

    def training_loss(self) -> Any:
        # Imported here: reading a table needs no Keras.
        from polytask.losses import PoissonDeviance

        # Keras's own falls below zero, where balancers need losses above.
        return PoissonDeviance()

    def labels(self, task: Task, column: "Column") -> np.ndarray:
        numbers = super().labels(task, column)
        known = np.where(column.missing, 0.0, column.values)
        _refuse(column, (known < 0) | (known != np.rint(known)), "whole number from 0")
        return numbers

    def fitted(self, task: Task, labels: np.ndarray) -> Task:
        return replace(task, scale=float(labels.mean(dtype=np.float64)))

    def targets(self, task: Task, labels: np.ndarray) -> np.ndarray:
        return super().targets(task, labels / task.scale)

    def predictions(self, task: Task, output: np.ndarray) -> np.ndarray:
        return output[:, 0] * task.scale

    def loss_value(
        self, task: Task, y: np.ndarray, prediction: np.ndarray, weight: Weight = None
    ) -> float:
        # Keras's loss less that of a perfect prediction, which 0 stands for.
        return metric.poisson_deviance(y, prediction, weight) / (2 * task.scale)


class Positive(Numbers):
    """Positive numbers over several orders of magnitude, as logarithms.

    What is predicted is the exponential of the mean logarithm: the median where the
    logarithms are symmetric, and less than the mean.
    """

    name = "positive"
    mean_of = "log"
    loss = "mean_squared_error"
    metrics = (metric.LOG_RMSE, metric.MAE, metric.R2)

    def labels(self, task: Task, column: "Column") -> np.ndarray:
        numbers = super().labels(task, column)
        # Below float32's range a number would become 0.
        _refuse(column, ~column.missing & ~(numbers > 0), "number above 0")
        return numbers

    def fitted(self, task: Task, labels: np.ndarray) -> Task:
        logs = np.log(labels.astype(np.float64))
        return replace(task, mean=float(logs.mean()), scale=float(logs.std()))

    def targets(self, task: Task, labels: np.ndarray) -> np.ndarray:
        return super().targets(task, (np.log(labels) - task.mean) / task.scale)

    def predictions(self, task: Task, output: np.ndarray) -> np.ndarray:
        return np.exp(output[:, 0].astype(np.float64) * task.scale + task.mean)

    def averaged(self, members: Sequence[np.ndarray]) -> np.ndarray:
        # Outputs are logarithms.
        return np.exp(super().averaged([np.log(each) for each in members]))

    def loss_value(
        self, task: Task, y: np.ndarray, prediction: np.ndarray, weight: Weight = None
    ) -> float:
        return (metric.LOG_RMSE.compute(y, prediction, weight) / task.scale) ** 2

    def constant(
        self, task: Task, labels: np.ndarray, weight: Weight = None
    ) -> np.ndarray:
        logs = np.log(labels.astype(np.float64))
        return np.asarray(np.exp(np.average(logs, weights=weight)))


def _refuse(column: "Column", wrong: np.ndarray, accepted: str) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        raise UserError(
            f"column {column.name!r} holds {column.values[rows[0]]:g} in "
            f"{column.row(rows[0])} ({len(rows)} such rows); accepted is a {accepted}."
        )
