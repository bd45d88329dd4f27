"""How far each task is behind its single-task model, told to the balancer."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from polytask._export import polytask_export
from polytask.balancing import PIVRG, Combined, Wrapper
from polytask.callbacks.watched_logs import WatchedLogs
from polytask.errors import UserError


@polytask_export("polytask.callbacks.PerformanceScores")
class PerformanceScores(keras.callbacks.Callback):
    """Tells `PIVRG` after each epoch how far each task is behind a reference.

    The score of a task is what it lacks on validation rows of the value of its
    single-task model, in percent of that value; negative where it is ahead. The logs of
    each epoch get `<task>_behind`.

    Args:
        references: Dict from task to the value of its single-task model.
        monitor: Dict from task to the name of a log. Default: `val_<task>_loss` of
            every task.
        mode: `"min"`, `"max"`, or a dict from task to one of them. Default: `"auto"`,
            by the name of the log.

    Raises:
        UserError: If a reference is no finite number other than 0; or, when training
            begins or after its first epoch, if the balancer takes no scores, or a task
            or a log is unknown or missing.

    Source:
        Qin et al. (2025), Revisiting fairness in multitask learning: a
        performance-driven approach for variance reduction.

    Example:
        >>> callback = PerformanceScores({"age": 0.31, "smile": 0.18})
    """

    def __init__(
        self,
        references: Mapping[str, float],
        monitor: Mapping[str, str] | None = None,
        mode: str | Mapping[str, str] = "auto",
    ) -> None:
        super().__init__()
        self.references = dict(references)
        for task, value in self.references.items():
            if not np.isfinite(value) or value == 0:
                raise UserError(
                    "PerformanceScores takes references that are finite numbers other "
                    f'than 0; found {value!r} for task "{task}".'
                )
        self.monitor, self.mode = monitor, mode
        self.watched = WatchedLogs("PerformanceScores", monitor, mode, 0.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        names = ("references", "monitor", "mode")
        return {name: getattr(self, name) for name in names}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Look for the balancer that takes the scores."""
        balancer = self.model.balancer
        while isinstance(balancer, Wrapper | Combined):
            inside = "balancer" if isinstance(balancer, Wrapper) else "gradients"
            balancer = getattr(balancer, inside)
        if not isinstance(balancer, PIVRG):
            raise UserError(
                "PerformanceScores tells the balancer PIVRG how tasks do; the model "
                f"was compiled with {type(balancer).__name__}."
            )
        self._balancer = balancer
        self.watched.begin(self.model)
        missing = [t for t in self.watched.progress if t not in self.references]
        if missing:
            raise UserError(
                f'PerformanceScores has no reference for task "{missing[0]}"; found '
                f"{', '.join(self.references) or 'none'}."
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compute the scores, and pass them on."""
        logs = {} if logs is None else logs
        scores = {}
        for task, value in self.watched.values(logs).items():
            reference = self.references[task]
            lack = value - reference
            if self.watched.progress[task].higher_is_better:
                lack = -lack
            scores[task] = 100.0 * lack / abs(reference)
        # A task whose value is not finite keeps its score.
        self._balancer.set_scores({t: s for t, s in scores.items() if np.isfinite(s)})
        for task, score in scores.items():
            logs[f"{task}_behind"] = score
