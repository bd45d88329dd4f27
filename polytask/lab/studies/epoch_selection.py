"""After each epoch: look at validation data, keep the best weights, stop in time."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from polytask.errors import UserError
from polytask.lab.metrics import (
    constant_prediction,
    evaluate,
    task_loss,
)
from polytask.lab.studies.predictor import Predictor
from polytask.lab.tables import Dataset, Split, Task
from polytask.models.averaged_weights import averaged_weights

# Training curves need no more rows than this to be smooth.
CURVE_ROWS = 10_000

OnEpoch = Callable[[int], None]


class EpochSelection(keras.callbacks.Callback):
    """Keeps the epoch with the smallest validation criterion.

    The criterion is the mean over tasks of the validation loss divided by that of
    the best constant prediction (class shares or mean of the training labels). It has
    no unit: 1 is a model that learned nothing, 0 a perfect one, so a task with large
    numbers does not choose for the others.

    Args:
        dataset: Training rows give the curves, validation rows choose.
        tasks: The model's tasks.
        patience: Epochs without a better criterion before training ends.
        on_epoch: Called with the number of the finished epoch.
        averages: Whether what is judged and kept is the optimizer's moving average of
            the weights.
        curves: Whether each epoch's metrics are recorded; without, only the validation
            losses are looked at.
        leaves: Asked after each epoch, with this object, whether training ends although
            better epochs may come.

    Attributes:
        relative: For each epoch the tasks' validation losses divided by those of the
            best constants.
    """

    def __init__(
        self,
        dataset: Dataset,
        tasks: tuple[Task, ...],
        patience: int,
        on_epoch: OnEpoch | None = None,
        averages: bool = False,
        leaves: Callable[["EpochSelection"], bool] | None = None,
        curves: bool = True,
    ) -> None:
        super().__init__()
        self.leaves = leaves
        self.tasks = tasks
        self.patience = patience
        self.on_epoch = on_epoch
        self.averages = averages
        self.rows = dataset.train.x
        rows = slice(0, CURVE_ROWS)
        train = Split(
            dataset.train.x[rows],
            {task.name: dataset.train.y[task.name][rows] for task in tasks},
            None if dataset.train.weights is None else dataset.train.weights[rows],
        )
        self.curves = curves
        self.splits = {"train": train} if curves else {}
        self.splits["validation"] = dataset.validation
        self.predictors: dict[str, Predictor] = {}
        self.constant = {
            task.name: self._constant_loss(task, dataset) for task in tasks
        }
        self.history: list[list[Any]] = []
        self.relative: list[list[float]] = []
        self.best = np.inf
        self.best_epoch = 0
        self.best_weights: list[np.ndarray] = []
        self.epochs = 0

    @property
    def ends(self) -> bool:
        """Whether no better epoch came for too long."""
        return self.epochs - self.best_epoch >= self.patience

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put the rows on the device."""
        self.predictors = {
            name: Predictor(split.x, self.tasks) for name, split in self.splits.items()
        }

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluate, remember, decide."""
        if self.averages:
            with averaged_weights(self.model, self.rows):
                losses = self._judge()
        else:
            losses = self._judge()
        for task, loss in losses.items():
            if logs is not None:
                logs[f"val_{task}_loss"] = loss
        if self.ends or (self.leaves is not None and self.leaves(self)):
            self.model.stop_training = True
        if self.on_epoch is not None:
            self.on_epoch(self.epochs)

    def _judge(self) -> dict[str, float]:
        """Evaluate the weights and keep the best; return the validation losses."""
        found = {name: each(self.model) for name, each in self.predictors.items()}
        improved, losses = self.judge(found)
        if improved:
            self.best_weights = self.model.get_weights()
        return losses

    def judge(
        self, found: Mapping[str, Mapping[str, np.ndarray]]
    ) -> tuple[bool, dict[str, float]]:
        """Record an epoch; return whether it is the best, and the validation losses.

        Args:
            found: Name of the split → task → predictions.
        """
        self.epochs += 1
        losses = {}
        for split, predictions in found.items():
            for task in self.tasks:
                metrics = (task.rules.primary,) if self.curves else ()
                scores, _ = evaluate(
                    task,
                    self.splits[split].y[task.name],
                    predictions[task.name],
                    metrics,
                    self.splits[split].weights,
                )
                losses[task.name] = scores["loss"]
                for name, value in scores.items():
                    row = [task.name, self.epochs, split, name, value]
                    self.history.append(row)
        # Validation comes last, so `losses` holds its values.
        self.relative.append([losses[t] / self.constant[t] for t in losses])
        criterion = float(np.mean(self.relative[-1]))
        improved = criterion < self.best
        if improved:
            self.best = criterion
            self.best_epoch = self.epochs
        return improved, losses

    def restore(self) -> None:
        """Give the model the weights of the best epoch."""
        self.model.set_weights(self.best_weights)

    def _constant_loss(self, task: Task, dataset: Dataset) -> float:
        labels = dataset.validation.y[task.name]
        constant = constant_prediction(
            task, dataset.train.y[task.name], len(labels), dataset.train.weights
        )
        loss = task_loss(task, labels, constant, dataset.validation.weights)
        if not loss > 0:
            found = "no label" if np.isnan(loss) else "only the training mean"
            raise UserError(
                f"Task {task.name!r} cannot choose an epoch: its validation rows hold "
                f"{found}. More rows, or a larger validation share, are needed."
            )
        return loss
