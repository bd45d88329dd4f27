"""Trainings of one structure as lanes of one JAX program, recorded as they finish."""

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Any

import keras
from msgspec.structs import replace as with_fields

from polytask._atomic import replacing
from polytask.lab.kinds import Task
from polytask.lab.studies.compiled import compiled
from polytask.lab.studies.load_data import StudyData
from polytask.lab.studies.plan import arm_settings, budget_of
from polytask.lab.studies.record import recorded, train_run
from polytask.lab.studies.schema import MULTI_TASK, Record, Run
from polytask.lab.studies.side_by_side import (
    MOST_LANES,
    ActiveLane,
    SideBySide,
    Training,
)
from polytask.lab.studies.store import Store
from polytask.lab.studies.structure import structure_of, why_alone
from polytask.lab.studies.study import Study
from polytask.lab.studies.train import (
    Trained,
    evaluated,
    gradient_rows,
    or_none,
)
from polytask.lab.tables import Dataset
from polytask.models.initial_values import named_weights
from polytask_options import Budget, Settings

OnDone = Callable[[Run, Record], None]
OnEpoch = Callable[[Run, int], None]


def groups(
    study: Study, data: StudyData, runs: list[Run], lanes: bool = True
) -> list[list[Run]]:
    """Return the runs by structure; a run that cannot be a lane is alone in its group.

    Repeats whose splits have as many features and batches are of one structure, unless
    all splits together are too large to be kept.

    Args:
        study: What was asked for.
        data: Its data.
        runs: In the order in which they are to be trained.
        lanes: Whether there are to be any.
    """
    # A lane's batch has no weights of rows.
    if not lanes or keras.backend.backend() != "jax" or study.data.weight:
        return [[run] for run in runs]
    by_structure: dict[str, list[Run]] = {}
    for run in runs:
        settings = settings_of(study, run)
        alone = why_alone(settings, study.network, study.budget)
        key = run.run_id if alone else structure_of(settings) + _form(study, data, run)
        by_structure.setdefault(key, []).append(run)
    return list(by_structure.values())


def shared_out(groups: list[list[Run]], gpus: float) -> list[list[Run]]:
    """Return groups of so many runs as a program has lanes, for several machines.

    Args:
        groups: Of `groups`.
        gpus: Of a machine's group; 0 where it has CPUs alone.
    """
    most = MOST_LANES["gpu" if gpus else "cpu"]
    return [
        group[start : start + most]
        for group in groups
        for start in range(0, len(group), most)
    ]


@dataclass(frozen=True)
class Group:
    """A group of `groups`, as work for an engine.

    Args:
        study: What was asked for.
        data: Its data, which a worker reads anew.
        store: Where models go.
        runs: The group.
    """

    study: Study
    data: StudyData
    store: Store
    runs: list[Run]

    @property
    def folder(self) -> Path:
        """Where models go."""
        return self.store.folder

    def elsewhere(self, folder: Path, parts: Mapping[int, Dataset]) -> "Group":
        """Return the same work for another machine, see `Work`."""
        store = Store(folder, self.store.kind)
        store.runs.mkdir()
        self.data.keep(parts)
        return replace_fields(self, store=store)

    def train(self, dataset: Dataset, on_epoch: OnEpoch, on_done: OnDone) -> None:
        """Train them, see `Work`."""
        self.data.take(dataset)
        train_group(self.study, self.data, self.store, self.runs, on_epoch, on_done)


def _form(study: Study, data: StudyData, run: Run) -> str:
    """Return what of a run's rows has to agree with those of the other lanes."""
    if not data.fits_memory:
        return f"{run.seed} {budget_of(study, run)}"
    dataset = data.of(run.seed)
    rows = len(dataset.train)
    budget = budget_of(study, run)
    batch = min(budget.batch_size, rows)
    rate = None if budget.schedule == "constant" else budget.learning_rate
    # What stands for a missing cell differs with the rows.
    hides = settings_of(study, run).column_dropout
    columns = dataset.columns if hides else dataset.feature_sources
    return repr((columns, batch, rows // batch, rate))


def how_trained(records: Iterable[Record]) -> str:
    """Return in words how a study's networks were trained.

    Args:
        records: Of its finished runs.
    """
    counts = Counter(record.lanes for record in records)
    alone = counts.pop(1, 0)
    parts = [
        f"{number} as lanes, {width} side by side"
        for width, number in sorted(counts.items())
    ]
    return "; ".join([*parts, f"{alone} one by one"] if alone else parts)


def settings_of(study: Study, run: Run) -> Settings:
    """Return what a run is trained with."""
    settings = arm_settings(study, run)
    return settings if run.model == MULTI_TASK else settings.alone()


def train_group(
    study: Study,
    data: StudyData,
    store: Store,
    runs: list[Run],
    on_epoch: OnEpoch,
    on_done: OnDone,
) -> None:
    """Train a group of `groups`: one run alone, several as lanes.

    Args:
        study: What was asked for.
        data: Its data.
        store: Where models go.
        runs: The group.
        on_epoch: Called with a run that trains and the number of its epoch.
        on_done: Called with each finished run and its record.

    Raises:
        UserError: If the labels do not allow training, or one only skips steps.
    """
    if len(runs) > 1:
        _train_lanes(study, data, store, runs, on_epoch, on_done)
        return
    (run,) = runs
    dataset = data.of(run.seed)
    record = train_run(study, dataset, store, run, lambda epoch: on_epoch(run, epoch))
    on_done(run, record)


def _train_lanes(
    study: Study,
    data: StudyData,
    store: Store,
    runs: list[Run],
    on_epoch: OnEpoch,
    on_done: OnDone,
) -> None:
    """Train runs of one structure, each recorded as soon as it ends."""
    trainings = [
        Training.of(run, settings_of(study, run), budget_of(study, run)) for run in runs
    ]
    dataset = data.of(runs[0].seed)
    together = SideBySide(
        dataset,
        study.network,
        budget_of(study, runs[0]),
        trainings[0].settings,
        [training.values for training in trainings],
        len(runs),
        study.compares_balancers,
        splits=data.splits(run.seed for run in runs),
    )
    models = _Models(study, dataset)
    for lane in together.train(trainings, on_epoch):
        rows = data.of(lane.training.run.seed)
        record = _record(models, rows, store, together.model, lane)
        width = together.program.width
        on_done(lane.training.run, with_fields(record, lanes=width))


class _Models:
    """The networks of the variants, each built once and filled with the lanes' weights.

    Args:
        study: What was asked for.
        dataset: Its data.
    """

    def __init__(self, study: Study, dataset: Dataset) -> None:
        self.study = study
        self.dataset = dataset
        self.built: dict[str, tuple[Any, list[str]]] = {}

    def compiled(
        self, tasks: tuple[Task, ...], settings: Settings, budget: Budget
    ) -> Any:
        """Return a new network."""
        # A number's mean and scale differ between splits, its name does not.
        names = [task.name for task in self.dataset.tasks]
        first = 0 if len(tasks) > 1 else names.index(tasks[0].name)
        return compiled(
            tasks,
            self.dataset.train,
            self.dataset.columns,
            self.study.network,
            budget,
            settings,
            first,
        )

    def of(self, lane: ActiveLane) -> tuple[Any, list[str]]:
        """Return the network that a lane stands for, and what building it warned of."""
        settings = lane.training.settings
        budget = budget_of(self.study, lane.training.run)
        key = repr((settings, budget, [task.name for task in lane.tasks]))
        if key not in self.built:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", UserWarning)
                model = self.compiled(lane.tasks, settings, budget)
            of_users = [w for w in caught if issubclass(w.category, UserWarning)]
            self.built[key] = (model, sorted({str(w.message) for w in of_users}))
        return self.built[key]


def _record(
    models: _Models, dataset: Dataset, store: Store, wide: Any, lane: ActiveLane
) -> Record:
    """Return the record of a finished lane, and store the model of all tasks."""
    start = time.perf_counter()
    run = lane.training.run
    model, said = models.of(lane)
    values = {
        name: lane.best[id(variable)]
        for name, (_, variable) in named_weights(wide).items()
        if id(variable) in lane.best
    }
    for name, (_, variable) in named_weights(model).items():
        variable.assign(values[name])
    reached = evaluated(model, dataset.splits, lane.tasks)
    if run.model == MULTI_TASK:
        with replacing(store.model_file(run)) as aside:
            model.save(aside)
    selection = lane.selection
    trained = Trained(
        model=model,
        criterion=selection.best,
        best_epoch=selection.best_epoch,
        epochs=selection.epochs,
        seconds=lane.seconds + time.perf_counter() - start,
        reached=reached,
        history=[(*row[:-1], or_none(row[-1])) for row in selection.history],
        gradients=gradient_rows(lane.summaries, [task.name for task in lane.tasks]),
    )
    return recorded(run, trained, dataset, said)
