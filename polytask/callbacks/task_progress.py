"""How one task's monitored value develops over the epochs."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


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
