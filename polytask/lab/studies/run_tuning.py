"""The draws of all arms, tried on splits that no repeat has; the best of each stays."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from polytask._atomic import write_atomically
from polytask.errors import UserError
from polytask.lab.studies.load_data import StudyData
from polytask.lab.studies.plan import plan, trained_as
from polytask.lab.studies.processes import engine_for
from polytask.lab.studies.progress import StudyProgress, lines
from polytask.lab.studies.ray_engine import Cluster
from polytask.lab.studies.schema import (
    FORMAT,
    MULTI_TASK,
    Run,
    encoded,
    read_stored,
)
from polytask.lab.studies.search.space import Candidate
from polytask.lab.studies.search.trials import Trial, Tried, groups
from polytask.lab.studies.structure import values_of
from polytask.lab.studies.study import Arm, Study
from polytask.lab.studies.train import check_variants
from polytask.lab.studies.tuning import Draw

TUNING_FILE = "tuning.json"
#: No study counts its repeats as far, so that more of them stay apart as well.
FIRST_SEED = 1_000_000


class TriedDraw(Struct, kw_only=True, frozen=True):
    """One draw of an arm on one split.

    Attributes:
        model: Multi-task or single-task.
        variant: Name of the variant.
        task: The only task, "" for all.
        draw: Its number.
        seed: Of the split and the network.
        values: Option → value.
        criterion: The smallest validation criterion; None where training failed.
    """

    model: str
    variant: str
    task: str
    draw: int
    seed: int
    values: dict[str, Any]
    criterion: float | None

    @property
    def arm(self) -> Arm:
        """Model, variant and task."""
        return self.model, self.variant, self.task


class Tunings(Struct, kw_only=True):
    """The content of `tuning.json`.

    Attributes:
        format: Of the file.
        tried: What was tried.
    """

    format: int = FORMAT
    tried: list[TriedDraw] = []


@dataclass(frozen=True)
class _Attempt:
    """A draw that is tried on a split.

    Args:
        arm: Model, variant and task.
        number: Of the draw.
        seed: Of the split and the network.
        draw: Its values.
        place: A number that no other attempt has.
    """

    arm: Arm
    number: int
    seed: int
    draw: Draw
    place: int

    def trial(self, study: Study) -> Trial:
        """Return it as a trial of a search."""
        budget = replace(study.budget, learning_rate=self.draw.learning_rate)
        candidate = Candidate(study.network, budget, self.draw.settings)
        return Trial(self.arm[-1], self.place, self.seed, candidate)

    def tried(self, result: Tried) -> TriedDraw:
        """Return what is stored of it."""
        best = float(np.mean(result.losses)) if result.curve else np.nan
        model, variant, task = self.arm
        return TriedDraw(
            model=model,
            variant=variant,
            task=task,
            draw=self.number,
            seed=self.seed,
            values=self.draw.to_dict(),
            criterion=None if result.failure or np.isnan(best) else best,
        )


def tuned(
    study: Study,
    data: StudyData,
    folder: Path,
    jobs: int,
    lanes: bool,
    cluster: Cluster | None = None,
) -> Study:
    """Return the study whose arms have the settings that validation rows chose.

    Killed at any time, the same call continues.

    Args:
        study: What was asked for; returned as it is if it is not to be tuned.
        data: Its data.
        folder: Where what was tried is stored.
        jobs: Processes that train; 0 trains in this one.
        lanes: Whether networks of one structure train as one program, on JAX.
        cluster: Many machines; None for this one.

    Raises:
        UserError: If no draw of an arm could be trained.
    """
    if study.tuning is None:
        return study
    path = folder / TUNING_FILE
    stored = read_stored(path, Tunings) if path.exists() else Tunings()
    known = {(one.arm, one.draw, one.seed) for one in stored.tried}
    attempts = _attempts(study, [task.name for task in data.first.tasks])
    left = [a for a in attempts if (a.arm, a.number, a.seed) not in known]
    progress = StudyProgress(
        len(attempts),
        len(attempts) - len(left),
        lines(jobs, cluster),
        study.budget.epochs,
    )
    with progress:
        for seed in dict.fromkeys(attempt.seed for attempt in left):
            own = {
                attempt.trial(study).run: attempt
                for attempt in left
                if attempt.seed == seed
            }
            trials = [attempt.trial(study) for attempt in own.values()]
            works = [
                # A structure is tried once: what acts elsewhere is no part of it.
                replace(work, values=_acting(own[run] for run in work.runs))
                for work in groups(trials, None, {}, lanes and not study.data.weight)
            ]

            def done(run: Run, result: Tried, own: dict[Run, _Attempt] = own) -> None:
                stored.tried.append(own[run].tried(result))
                write_atomically(path, encoded(stored))
                progress.done(run, result)

            rows = StudyData(replace(study, seeds=(seed,)))
            check = partial(
                check_variants,
                study.variants,
                network=study.network,
                budget=study.budget,
            )
            most = min(jobs, len(works))
            with engine_for(rows, most, check, cluster) as engine:
                engine.run(works, progress.epoch, done)
    return replace(study, tuned=_chosen(study, stored.tried))


def _attempts(study: Study, tasks: list[str]) -> list[_Attempt]:
    """Return what is to be tried: every draw of every arm on every tuning split."""
    assert study.tuning is not None
    arms = [
        run
        for run in plan(replace(study, seeds=study.seeds[:1]), tasks)
        if trained_as(study, run) == run
    ]
    draws = [
        ((run.model, run.variant, run.task), number, draw)
        for run in arms
        for number, draw in enumerate(
            study.tuning.drawn(run, study.variant(run.variant).settings)
        )
    ]
    seeds = range(FIRST_SEED, FIRST_SEED + study.tuning.splits)
    return [
        _Attempt(arm, number, seed, draw, place)
        for seed in seeds
        for place, (arm, number, draw) in enumerate(draws)
    ]


def _acting(attempts: Iterable[_Attempt]) -> dict[str, float]:
    """Return knob → a value that acts, if it acts in any of the attempts."""
    acting: dict[str, float] = {}
    for attempt in attempts:
        single = attempt.arm[0] != MULTI_TASK
        settings = attempt.draw.settings
        own = values_of(settings.alone() if single else settings, single)
        for name, value in own.items():
            acting[name] = max(acting.get(name, 0.0), value)
    return acting


def _chosen(study: Study, tried: list[TriedDraw]) -> dict[Arm, Draw]:
    """Return arm → the draw with the smallest mean criterion over the splits."""
    by_draw: dict[Arm, dict[int, list[TriedDraw]]] = {}
    for one in tried:
        by_draw.setdefault(one.arm, {}).setdefault(one.draw, []).append(one)
    chosen = {}
    for arm, draws in by_draw.items():
        means = {
            number: float(np.mean([one.criterion for one in each]))
            for number, each in draws.items()
            if all(one.criterion is not None for one in each)
        }
        if not means:
            raise UserError(
                f"No draw of {arm[1]} ({arm[2] or 'all tasks'}) could be trained; "
                "narrow its ranges in [tuning]."
            )
        best = min(means, key=lambda number: means[number])
        base = study.variant(arm[1]).settings
        chosen[arm] = Draw.from_dict(draws[best][0].values, base)
    return chosen


def described(study: Study) -> dict[str, dict[str, Any]]:
    """Return arm, in words → option → chosen value, for `study.json`."""
    return {
        f"{variant}, {task or 'all tasks'}": msgspec.to_builtins(draw.to_dict())
        for (_, variant, task), draw in study.tuned.items()
    }
