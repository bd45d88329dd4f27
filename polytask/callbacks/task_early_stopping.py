"""Early stopping of each task by itself."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._export import polytask_export
from polytask.callbacks.watched_logs import TaskProgress, WatchedLogs
from polytask.errors import UserError


@polytask_export("polytask.callbacks.TaskEarlyStopping")
class TaskEarlyStopping(keras.callbacks.Callback):
    """Stops each task when its own validation value no longer improves.

    Tasks overfit at different epochs. A stopped task is absent from the steps that
    follow, exactly as a task without labels is: it has no loss, no gradient in the
    trunk and no weight in the balancer, and its private variables have no weight
    decay, no proximal step and no change of momentum; the moving statistics of its
    private batch norm rest as well. The other tasks go on. When all are stopped, the
    training ends.

    The logs of each epoch get `<task>_active`, 1 or 0.

    Args:
        monitor: Dict from task to the name of a log, for the tasks that may be
            stopped. Default: `val_<task>_loss` of every task.
        patience: Number of epochs without improvement after which a task is stopped.
            Default: 3.
        min_delta: Smallest change that counts as an improvement. Default: 0.
        mode: `"min"`, `"max"`, or a dict from task to one of them. Default: `"auto"`,
            by the name of the log.
        resume: A stopped task trains again ("stop-and-go") once its value is worse
            than its best by this share of it, because the trunk moved away from its
            head. None: it stays stopped, which suits tasks that stop shortly before
            the end; in a long training the head goes stale, and the task is lost.
            Default: 0.005.
        restore_best: Whether a task that is stopped gets back the private variables
            of its best epoch. The trunk is not taken back, so this helps only where
            it has moved little since. Default: False.

    Raises:
        UserError: If an argument is out of range, or, when training begins or after
            its first epoch, a task or a log is unknown.

    Source:
        Zhanpeng Zhang, Ping Luo, Chen Change Loy, Xiaoou Tang, 2014, "Facial Landmark
        Detection by Deep Multi-task Learning", for stopping by task; Jiasen Lu, Vedanuj
        Goswami, Marcus Rohrbach, Devi Parikh, Stefan Lee, 2020, "12-in-1: Multi-Task
        Vision and Language Representation Learning", for stop-and-go.

    Example:
        >>> callback = TaskEarlyStopping(patience=5)
        >>> callback = TaskEarlyStopping({"smile": "val_smile_auc"}, resume=None)
    """

    def __init__(
        self,
        monitor: Mapping[str, str] | None = None,
        patience: int = 3,
        min_delta: float = 0.0,
        mode: str | Mapping[str, str] = "auto",
        resume: float | None = 0.005,
        restore_best: bool = False,
    ) -> None:
        super().__init__()
        if patience < 1:
            raise UserError(f"patience must be 1 or more epochs; found {patience}.")
        if resume is not None and not resume >= 0:
            raise UserError(f"resume must be a share of 0 or more; found {resume}.")
        self.watched = WatchedLogs("TaskEarlyStopping", monitor, mode, min_delta)
        self.monitor = self.watched.monitor
        self.patience = patience
        self.min_delta = min_delta
        self.mode = mode
        self.restore_best = restore_best
        self.resume = resume

    @property
    def progress(self) -> dict[str, TaskProgress]:
        """How the value of each watched task develops."""
        return self.watched.progress

    @property
    def stopped_tasks(self) -> list[str]:
        """The tasks that are stopped now."""
        return [task for task, state in self.progress.items() if state.stopped]

    @property
    def best_epochs(self) -> dict[str, int]:
        """For each task the epoch of its best value, counted from 0."""
        return {task: state.best_epoch for task, state in self.progress.items()}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Let all tasks train, and forget what an earlier `fit` saw."""
        self.watched.begin(self.model)
        self._tell_optimizer()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop and resume tasks by the values of this epoch."""
        measured = logs if logs is not None else {}
        for task, value in self.watched.values(measured).items():
            self._judge(task, self.progress[task], value, epoch)
        stopped = self._tell_optimizer()
        for task, is_stopped in stopped.items():
            measured[f"{task}_active"] = float(not is_stopped)
        if all(stopped.values()):
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Let all tasks train again in a later `fit` without this callback."""
        active = self.model.step_plan.optimizer.active
        active.assign(ops.ones(active.shape, "float32"))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        names = ("monitor", "patience", "min_delta", "mode", "resume", "restore_best")
        return {name: getattr(self, name) for name in names}

    def _judge(self, task: str, state: TaskProgress, value: float, epoch: int) -> None:
        if state.improved_by(value):
            state.best, state.best_epoch, state.waited = value, epoch, 0
            if self.restore_best:
                state.weights = [np.array(v) for v in self._values(task)]
        elif not state.stopped:
            state.waited += 1
            state.stopped = state.waited >= self.patience
            if state.stopped and state.weights:
                pairs = zip(self._private(task), state.weights, strict=True)
                for variable, best in pairs:
                    variable.assign(best)
        elif self.resume is not None and state.fallen_to(value, self.resume):
            state.stopped, state.waited = False, 0

    def _private(self, task: str) -> list[keras.Variable]:
        graph = self.model.step_plan.graph
        return [*graph.private[task], *graph.statistics[task]]

    def _values(self, task: str) -> list[Any]:
        return [ops.convert_to_numpy(v) for v in self._private(task)]

    def _tell_optimizer(self) -> dict[str, bool]:
        """Set which tasks the next steps leave out."""
        plan = self.model.step_plan
        stopped = {
            task: task in self.progress and self.progress[task].stopped
            for task in plan.graph.tasks
        }
        active = [float(not is_stopped) for is_stopped in stopped.values()]
        plan.optimizer.active.assign(np.asarray(active, "float32"))
        return stopped
