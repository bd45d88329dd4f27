"""Which value in the logs says how well a task does, and which way it should go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polytask.errors import UserError, nearest
from polytask.metric_direction import higher_is_better


@dataclass(eq=False)
class TaskProgress:
    """The best value of one task so far, and whether the task is stopped.

    Attributes:
        higher_is_better: Of the monitored value.
        min_delta: An improvement must be larger than this.
        best: The best value, or None.
        best_epoch: Its epoch, counted from 0; −1 before the first.
        waited: Epochs since then in which the task trained.
        stopped: Whether the task is stopped.
        weights: Values of the private variables at the best epoch.
    """

    higher_is_better: bool
    min_delta: float
    best: float | None = None
    best_epoch: int = -1
    waited: int = 0
    stopped: bool = False
    weights: list[Any] = field(default_factory=list)

    def improved_by(self, value: float) -> bool:
        """Say whether `value` beats the best one; a value that is NaN never does."""
        if np.isnan(value):
            return False
        if self.best is None:
            return True
        gain = value - self.best if self.higher_is_better else self.best - value
        return gain > self.min_delta

    def fallen_to(self, value: float, share: float) -> bool:
        """Say whether `value` is worse than the best one by `share` of its size."""
        if self.best is None or np.isnan(value):
            return False
        loss = self.best - value if self.higher_is_better else value - self.best
        return loss > share * abs(self.best)


MODES = ("auto", "min", "max")


class WatchedLogs:
    """The monitored value of each task.

    Args:
        owner: Name of the callback, for messages.
        monitor: Dict from task to the name of a log, or None for `val_<task>_loss` of
            every task.
        mode: `"auto"`, `"min"`, `"max"`, or a dict from task to one of them.
        min_delta: Smallest change that counts as an improvement.

    Attributes:
        progress: Task → how its value develops; filled by `begin`.

    Raises:
        UserError: If `mode` or `min_delta` is out of range.
    """

    def __init__(
        self,
        owner: str,
        monitor: Mapping[str, str] | None,
        mode: str | Mapping[str, str],
        min_delta: float,
    ) -> None:
        if not min_delta >= 0:
            raise UserError(f"min_delta must be 0 or more; found {min_delta}.")
        for given in mode.values() if isinstance(mode, Mapping) else [mode]:
            if given not in MODES:
                raise UserError(f"mode must be auto, min or max; found {given!r}.")
        self.owner = owner
        self.monitor = dict(monitor) if monitor is not None else None
        self.mode = mode
        self.min_delta = min_delta
        self.progress: dict[str, TaskProgress] = {}

    def begin(self, model: Any) -> None:
        """Start anew, on the tasks of a compiled model.

        Args:
            model: The model.

        Raises:
            UserError: If a task is unknown, or the direction of a value.
        """
        tasks = model.step_plan.graph.tasks
        self._logs = self.monitor or {task: f"val_{task}_loss" for task in tasks}
        if len(tasks) == 1 and self.monitor is None:
            self._logs = {tasks[0]: "val_loss"}
        named = self.mode if isinstance(self.mode, Mapping) else {}
        for task in (*self._logs, *named):
            if task not in tasks:
                raise UserError(
                    f'{self.owner} names the unknown task "{task}".'
                    f"{nearest(task, tasks)} Tasks: {', '.join(tasks)}."
                )
        self.progress = {
            task: TaskProgress(self._higher_is_better(task, name), self.min_delta)
            for task, name in self._logs.items()
        }

    def values(self, logs: Mapping[str, Any]) -> dict[str, float]:
        """Return the value of each watched task.

        Args:
            logs: The logs of an epoch.

        Returns:
            Task → value.

        Raises:
            UserError: If a value is not there.
        """
        for task, name in self._logs.items():
            if name not in logs:
                raise UserError(
                    f'{self.owner} watches "{name}" of task "{task}", which the '
                    f"logs do not have.{nearest(name, logs)} Found: "
                    f"{', '.join(logs)}. Values of validation rows need "
                    "validation_data in fit, and validation_freq=1."
                )
        return {task: float(logs[name]) for task, name in self._logs.items()}

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
