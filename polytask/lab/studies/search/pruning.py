"""Which trials fall behind the others, judged epoch by epoch."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from polytask.lab.studies.epoch_selection import EpochSelection
from polytask.lab.studies.schema import Run

#: By what the epochs of a rung are those of the one before.
REDUCTION = 2
#: Share of the trials known at a rung that goes on. A half, which would spend as much
#: at each rung, ends what learns late, as strong dropout does: in ten random searches
#: of digits it loses six of the winners, two thirds lose three, three quarters none, at
#: .2, .3 and .4 of the epochs.
KEPT = Fraction(2, 3)
#: A trial that so many others dominate ends.
DOMINATED_BY = 4
# Rungs before the last epoch.
_RUNGS = 4

Curve = Sequence[Sequence[float]]


def rungs(epochs: int) -> tuple[int, ...]:
    """Return the epochs at which trials are compared.

    Args:
        epochs: The most epochs of a trial.

    Example:
        >>> rungs(80)
        (5, 10, 20, 40)
    """
    wanted = [round(epochs / REDUCTION**power) for power in range(_RUNGS, 0, -1)]
    return tuple(sorted({rung for rung in wanted if 1 <= rung < epochs}))


def best_losses(curve: Curve, epoch: int) -> np.ndarray:
    """Return the relative losses of the best of the first epochs.

    Args:
        curve: For each epoch the tasks' relative validation losses.
        epoch: How many epochs count.
    """
    losses = np.asarray(curve[:epoch], dtype=float)
    means = losses.mean(axis=1)
    means = np.where(np.isnan(means), np.inf, means)
    return np.asarray(losses[int(np.argmin(means))])


@dataclass
class Pruning:
    """Ends trials that are behind at a rung; what is known of others grows with it.

    With one objective, a trial goes on if it is in the better two thirds of all that
    are known at the rung: asynchronous successive halving, in which a slot that becomes
    free is taken by the next trial. With several, it ends once `DOMINATED_BY` others
    are better in every task, or as good and better in one.

    What is known are the trials of earlier batches and those that run beside each
    other, in their order: never what another process does at the time, so that the
    result does not depend on how many there are.

    Args:
        epochs: The most epochs of a trial.
        pareto: Whether trials of several tasks are compared by dominance.
        known: Task, or "" for all tasks → curves of earlier trials.
        left: The same → whether each of them was ended by this rule.

    Source:
        Li, Jamieson, Rostamizadeh, Gonina, Hardt, Recht, Talwalkar, "A System for
        Massively Parallel Hyperparameter Tuning", MLSys 2020.
    """

    epochs: int
    pareto: bool = False
    known: dict[str, list[Curve]] = field(default_factory=dict)
    left: dict[str, list[bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pools: dict[tuple[str, int], list[np.ndarray]] = {}

    def __call__(self, lanes: Mapping[Run, EpochSelection]) -> Collection[Run]:
        """Return which of the trainings end, after an epoch of each.

        Args:
            lanes: Training → its judged epochs.
        """
        compared = [
            (run, lane.epochs, best_losses(lane.relative, lane.epochs))
            for run, lane in lanes.items()
            if lane.epochs in rungs(self.epochs)
        ]
        for run, epoch, losses in compared:
            self._pool(run.task, epoch).append(losses)
        return [
            run
            for run, epoch, losses in compared
            if self._behind(losses, self._pool(run.task, epoch), run.task)
        ]

    def fresh(self) -> "Pruning":
        """Return the same rule as before it was asked for the first time."""
        return Pruning(self.epochs, self.pareto, self.known, self.left)

    def _pool(self, task: str, epoch: int) -> list[np.ndarray]:
        """Return the losses that are known at a rung."""
        if (task, epoch) not in self._pools:
            curves = self.known.get(task, [])
            left = self.left.get(task, [False] * len(curves))
            self._pools[task, epoch] = [
                best_losses(curve, epoch)
                for curve, short in zip(curves, left, strict=True)
                # One that ended by itself would not have become better.
                if curve and (len(curve) >= epoch or not short)
            ]
        return self._pools[task, epoch]

    def _behind(self, losses: np.ndarray, pool: list[np.ndarray], task: str) -> bool:
        others = np.stack(pool)
        if self.pareto and not task:
            no_worse = (others <= losses).all(axis=1)
            better = (others < losses).any(axis=1)
            return int((no_worse & better).sum()) >= DOMINATED_BY
        means = others.mean(axis=1)
        places = max(1, int(len(means) * KEPT))
        mean = losses.mean()
        # Written so that a loss that is not a number is behind.
        return not int((means < mean).sum()) < places or not np.isfinite(mean)
