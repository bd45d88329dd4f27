"""Early stopping of each task by itself."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._export import polytask_export
from polytask.callbacks.task_progress import TaskProgress
from polytask.errors import UserError, nearest
from polytask.metric_direction import higher_is_better


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
        if not min_delta >= 0:
            raise UserError(f"min_delta must be 0 or more; found {min_delta}.")
        if resume is not None and not resume >= 0:
            raise UserError(f"resume must be a share of 0 or more; found {resume}.")
        modes = mode.values() if isinstance(mode, Mapping) else [mode]
        for given in modes:
            if given not in ("auto", "min", "max"):
                raise UserError(f"mode must be auto, min or max; found {given!r}.")
        self.monitor = dict(monitor) if monitor is not None else None
        self.patience = patience
        self.min_delta = min_delta
        self.mode = mode
        self.restore_best = restore_best
        self.resume = resume
        self.progress: dict[str, TaskProgress] = {}

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
        tasks = self.model.step_plan.graph.tasks
        self._logs = self.monitor or {task: f"val_{task}_loss" for task in tasks}
        if len(self.model.task_names) == 1 and self.monitor is None:
            self._logs = {tasks[0]: "val_loss"}
        named = self.mode if isinstance(self.mode, Mapping) else {}
        for task in (*self._logs, *named):
            if task not in tasks:
                raise UserError(
                    f'TaskEarlyStopping names the unknown task "{task}".'
                    f"{nearest(task, tasks)} Tasks: {', '.join(tasks)}."
                )
        self.progress = {
            task: TaskProgress(self._higher_is_better(task, name), self.min_delta)
            for task, name in self._logs.items()
        }
        self._tell_optimizer()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop and resume tasks by the values of this epoch."""
        found = logs if logs is not None else {}
        for task, state in self.progress.items():
            name = self._logs[task]
            if name not in found:
                raise UserError(
                    f'TaskEarlyStopping watches "{name}" of task "{task}", which the '
                    f"logs do not have.{nearest(name, found)} Found: "
                    f"{', '.join(found)}. Values of validation rows need "
                    "validation_data in fit, and validation_freq=1."
                )
            self._judge(task, state, float(found[name]), epoch)
        stopped = self._tell_optimizer()
        for task, is_stopped in stopped.items():
            found[f"{task}_active"] = float(not is_stopped)
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

    def _higher_is_better(self, task: str, name: str) -> bool:
        mode = self.mode.get(task, "auto") if isinstance(self.mode, Mapping) else None
        mode = mode or str(self.mode)
        if mode != "auto":
            return mode == "max"
        known = higher_is_better(name)
        if known is not None:
            return known
        raise UserError(
            f'Whether "{name}" of task "{task}" should rise or fall is not known from '
            f'its name; pass mode={{"{task}": "min"}} or "max".'
        )
