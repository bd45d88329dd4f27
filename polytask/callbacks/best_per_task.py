"""The network of each task's best epoch."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from polytask.callbacks.watched_logs import WatchedLogs
from polytask.errors import UserError, nearest
from polytask.models import MultiTaskModel


class BestPerTask(keras.callbacks.Callback):
    """Keeps for each task the network of the epoch in which that task was best.

    Tasks are at their best in different epochs. One network for all is a compromise;
    this keeps a copy of the trunk with the head of the task, each as it was in the same
    epoch: a trunk of one epoch under a head of another would be a network that nobody
    has evaluated. The result is T networks, to store and to run, and is to be compared
    as such.

    The trained model itself is not changed.

    Args:
        monitor: Dict from task to the name of a log, for the tasks to be kept. Default:
            `val_<task>_loss` of every task.
        min_delta: Smallest change that counts as an improvement. Default: 0.
        mode: `"min"`, `"max"`, or a dict from task to one of them. Default: `"auto"`,
            by the name of the log.

    Raises:
        UserError: If an argument is out of range, or, when training begins or after
            its first epoch, a task or a log is unknown.

    Source:
        Zhanpeng Zhang, Ping Luo, Chen Change Loy, Xiaoou Tang, 2014, "Facial Landmark
        Detection by Deep Multi-task Learning" (tasks converge at their own pace).

    Example:
        >>> import keras, numpy as np, polytask
        >>> x = keras.Input((2,))
        >>> h = keras.layers.Dense(3)(x)
        >>> heads = {t: keras.layers.Dense(1)(h) for t in ("a", "b")}
        >>> model = polytask.MultiTaskModel(x, heads)
        >>> model.compile("sgd", loss="mse")
        >>> rows = np.ones((8, 2), "float32")
        >>> y = {"a": rows[:, 0], "b": -rows[:, 1]}
        >>> best = BestPerTask()
        >>> valid = (rows, y)
        >>> _ = model.fit(rows, y, validation_data=valid, verbose=0, callbacks=[best])
        >>> best.epochs, best.network("a").task_names
        ({'a': 0, 'b': 0}, ['a'])
    """

    def __init__(
        self,
        monitor: Mapping[str, str] | None = None,
        min_delta: float = 0.0,
        mode: str | Mapping[str, str] = "auto",
    ) -> None:
        super().__init__()
        self.watched = WatchedLogs("BestPerTask", monitor, mode, min_delta)

    @property
    def epochs(self) -> dict[str, int]:
        """For each task the epoch of its best value, counted from 0; −1 for none."""
        progress = self.watched.progress
        return {task: state.best_epoch for task, state in progress.items()}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget what an earlier `fit` saw."""
        self.watched.begin(self.model)
        self._parts = {task: _part(self.model, task) for task in self.watched.progress}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Copy the network of each task that is better than it has been."""
        for task, value in self.watched.values(logs or {}).items():
            state = self.watched.progress[task]
            if state.improved_by(value):
                state.best, state.best_epoch = value, epoch
                state.weights = [np.array(w) for w in self._parts[task].get_weights()]

    def network(self, task: str) -> MultiTaskModel:
        """Return the best network of a task, which shares nothing with the model.

        Args:
            task: Name of the task.

        Returns:
            A network with this task alone, not compiled.

        Raises:
            UserError: If the task is not watched, or had no value that is a number.
        """
        progress = self.watched.progress
        if task not in progress:
            raise UserError(
                f'BestPerTask has no network of "{task}".{nearest(task, progress)} '
                f"Tasks: {', '.join(progress) or 'none, as nothing was trained'}."
            )
        if not progress[task].weights:
            raise UserError(
                f'BestPerTask has no network of "{task}": no epoch had a value of it '
                "that is a number."
            )
        network: MultiTaskModel = keras.models.clone_model(self._parts[task])
        network.set_weights(progress[task].weights)
        return network

    def predict(self, x: Any, **options: Any) -> dict[str, np.ndarray]:
        """Return the prediction of each task by its own best network.

        Args:
            x: Inputs, as for `keras.Model.predict`.
            **options: Further arguments of `keras.Model.predict`.

        Returns:
            Task → prediction.
        """
        return {
            task: self.network(task).predict(x, **options)[task]
            for task in self.watched.progress
        }


def _part(model: MultiTaskModel, task: str) -> MultiTaskModel:
    """Return the part of a model that one task needs, on the model's own layers."""
    return MultiTaskModel(model.input, {task: model.task_outputs[task]})
