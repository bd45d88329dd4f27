"""The networks of a search, tried: as lanes where they can be, else one by one."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras
import numpy as np
from msgspec import Struct

from polytask.errors import UserError
from polytask.lab.studies.engine import OnDone
from polytask.lab.studies.epoch_selection import EpochSelection
from polytask.lab.studies.schema import MULTI_TASK, SINGLE_TASK, Run
from polytask.lab.studies.search.pruning import Pruning, best_losses
from polytask.lab.studies.search.space import Candidate
from polytask.lab.studies.side_by_side import SideBySide, Training, nobody
from polytask.lab.studies.structure import (
    Values,
    acting_in,
    structure_of,
    why_alone,
)
from polytask.lab.studies.train import train
from polytask.lab.tables import Dataset
from polytask_options import Settings


@dataclass(frozen=True)
class Trial:
    """One network that is tried.

    Args:
        task: The only task that it is trained on, "" for all.
        number: Among those of this task.
        seed: Of the network.
        candidate: The network and its training.
    """

    task: str
    number: int
    seed: int
    candidate: Candidate

    @property
    def run(self) -> Run:
        """What it is called."""
        model = SINGLE_TASK if self.task else MULTI_TASK
        return Run(model, f"trial-{self.number}", self.seed, self.task)


class Tried(Struct, kw_only=True):
    """What a trial came to.

    Attributes:
        curve: For each epoch the tasks' validation losses, divided by those of the best
            constants; None where undefined.
        best_epoch: The epoch with the smallest mean of them, from 1.
        left: Whether it was ended because it was behind.
        seconds: Its share of the time.
        failure: Why it could not go on; "" if it could.
    """

    curve: list[list[float | None]]
    best_epoch: int
    left: bool = False
    seconds: float = 0.0
    failure: str = ""

    @property
    def epochs(self) -> int:
        """How many were trained."""
        return len(self.curve)

    @property
    def numbers(self) -> list[list[float]]:
        """The curve, with NaN for None."""
        return [[np.nan if v is None else v for v in losses] for losses in self.curve]

    @property
    def losses(self) -> list[float]:
        """The tasks' relative losses in the best epoch; NaN where undefined."""
        if not self.curve:
            return []
        return [float(v) for v in best_losses(self.numbers, len(self.curve))]


# A worker keeps the programs that it has compiled last, for the next batches.
_KEPT: dict[str, SideBySide] = {}
_MOST_KEPT = 4


@dataclass(frozen=True)
class TrialGroup:
    """Trials of one structure, as work for an engine.

    Args:
        trials: In the order in which they begin.
        pruning: Ends some of them.
        values: Knob → value of what may be tried, where everything acts: the same knobs
            for every batch, so that a compiled program serves them all.
        lanes: For how many lanes a program is compiled; 0 to train one by one.
    """

    trials: Sequence[Trial]
    pruning: Pruning | None
    values: Values = field(default_factory=dict)
    lanes: int = 0

    @property
    def runs(self) -> list[Run]:
        """The trainings."""
        return [trial.run for trial in self.trials]

    @property
    def folder(self) -> None:
        """A trial writes no files."""

    def elsewhere(self, folder: Path, parts: Mapping[int, Dataset]) -> "TrialGroup":
        """Return the same work for another machine, see `Work`."""
        return self

    def train(
        self, dataset: Dataset, on_epoch: Callable[[Run, int], None], on_done: OnDone
    ) -> None:
        """Train them, see `Work`."""
        # Groups know nothing of each other, in whatever process they are.
        pruning = self.pruning.fresh() if self.pruning else None
        if not self.lanes:
            for trial in self.trials:
                on_done(trial.run, _alone(dataset, trial, pruning, on_epoch))
            return
        trainings = [
            Training.of(trial.run, _settings(trial), trial.candidate.budget)
            for trial in self.trials
        ]
        together = self._program(dataset)
        leaving = pruning or nobody
        for lane in together.train(trainings, on_epoch, leaving, tolerant=True):
            epochs = self.trials[0].candidate.budget.epochs
            tried = _tried(lane.selection, epochs, lane.seconds, lane.failure)
            on_done(lane.training.run, tried)

    def _program(self, dataset: Dataset) -> SideBySide:
        first = self.trials[0]
        # The number of slots is a power of two, whatever the number of trials.
        slots = 1 << (self.lanes - 1).bit_length()
        one, settings = first.candidate, _settings(first)
        values = acting_in(settings, self.values)
        acting = sorted(name for name, value in values.items() if value)
        data = dataset.facts["fingerprint"]
        key = f"{structure_key(first)} {slots} {data} {acting}"
        if key not in _KEPT:
            if len(_KEPT) == _MOST_KEPT:
                del _KEPT[next(iter(_KEPT))]
            _KEPT[key] = SideBySide(
                dataset, one.network, one.budget, settings, [values], slots
            )
        return _KEPT[key]


def _alone(
    dataset: Dataset,
    trial: Trial,
    pruning: Pruning | None,
    on_epoch: Callable[[Run, int], None],
) -> Tried:
    """Return what a trial that is no lane comes to."""
    run, candidate = trial.run, trial.candidate
    start = time.perf_counter()
    seen: list[EpochSelection] = []

    def leaves(selection: EpochSelection) -> bool:
        seen[:] = [selection]
        return bool(pruning and pruning({run: selection}))

    failure = ""
    try:
        train(
            dataset,
            tuple(t for t in dataset.tasks if trial.task in ("", t.name)),
            candidate.network,
            replace(candidate.budget, refit=False),
            _settings(trial),
            run.seed,
            lambda epoch: on_epoch(run, epoch),
            leaves=leaves,
            evaluates=False,
        )
    except UserError as error:
        failure = str(error)
    seconds = time.perf_counter() - start
    if not seen:
        return Tried(curve=[], best_epoch=0, seconds=seconds, failure=failure)
    return _tried(seen[0], candidate.budget.epochs, seconds, failure)


def groups(
    trials: Sequence[Trial],
    pruning: Pruning | None,
    values: Values,
    lanes: bool,
) -> list[TrialGroup]:
    """Return a batch of trials by structure, each as work for an engine.

    Args:
        trials: The batch, of all tasks and of each.
        pruning: What is known of earlier batches.
        values: See `TrialGroup`.
        lanes: Whether trials of one structure run as one program, on JAX.
    """
    if not lanes or keras.backend.backend() != "jax":
        return [TrialGroup([trial], pruning) for trial in trials]
    by_structure: dict[str, list[Trial]] = {}
    for trial in trials:
        one = trial.candidate
        alone = why_alone(
            _settings(trial), one.network, replace(one.budget, refit=False)
        )
        key = f"{trial.task}/{trial.number}" if alone else structure_key(trial)
        by_structure.setdefault(key, []).append(trial)
    return [
        TrialGroup(group, pruning, values, len(group) if len(group) > 1 else 0)
        for group in by_structure.values()
    ]


def structure_key(trial: Trial) -> str:
    """Return what has to agree for two trials to be lanes of one program."""
    budget = trial.candidate.budget
    if budget.schedule == "constant":
        budget = replace(budget, learning_rate=1.0)
    network = trial.candidate.network
    return f"{structure_of(_settings(trial))} {network} {budget}"


def _settings(trial: Trial) -> Settings:
    settings = trial.candidate.settings
    return settings.alone() if trial.task else settings


def _tried(
    selection: EpochSelection, epochs: int, seconds: float, failure: str
) -> Tried:
    return Tried(
        curve=[
            [float(v) if np.isfinite(v) else None for v in losses]
            for losses in selection.relative
        ],
        best_epoch=selection.best_epoch,
        left=not (selection.ends or selection.epochs >= epochs or failure),
        seconds=round(seconds, 3),
        failure=failure,
    )
