"""Trainings of one structure as lanes of one JAX program, recorded as they finish."""

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from msgspec.structs import replace

from polytask._atomic import replacing
from polytask.lab.kinds import Task
from polytask.lab.studies.batches import Batches, orders
from polytask.lab.studies.epoch_selection import EpochSelection
from polytask.lab.studies.record import recorded, train_run
from polytask.lab.studies.schema import MULTI_TASK, Record, Run
from polytask.lab.studies.store import Store
from polytask.lab.studies.structure import (
    can_be_lanes,
    structure_of,
    values_of,
    with_knobs,
)
from polytask.lab.studies.study import Study
from polytask.lab.studies.train import (
    LOOKS,
    Trained,
    compiled,
    evaluated,
    gradient_rows,
    or_none,
)
from polytask.lab.tables import Dataset
from polytask.models.initial_values import (
    initial_values,
    named_weights,
    unknown_beginnings,
)
from polytask.models.training_monitor import refuse_skipping
from polytask_options import Settings

OnDone = Callable[[Run, Record], None]
OnEpoch = Callable[[Run, int], None]

#: On a CPU the state of all lanes should stay in its caches: more lanes are slower.
CPU_BYTES = 2**24

#: Lanes of one program at most, on a CPU and on an accelerator.
MOST_LANES = {"cpu": 16, "gpu": 256}

# Copies of the weights in a lane: they, two slots of Adam, the gradient, the best.
_COPIES = 5


@dataclass
class _Active:
    """A lane that trains.

    Attributes:
        run: What it is.
        settings: Its settings.
        tasks: Its tasks.
        selection: Judges its epochs.
        order: Of its rows, one for each epoch.
        summaries: What each epoch said of the tasks' gradients.
        seconds: Its share of the time so far.
    """

    run: Run
    settings: Settings
    tasks: tuple[Task, ...]
    selection: EpochSelection
    order: Iterator[np.ndarray]
    summaries: list[Any] = field(default_factory=list)
    seconds: float = 0.0


def groups(study: Study, runs: list[Run], lanes: bool = True) -> list[list[Run]]:
    """Return the runs by structure; a run that cannot be a lane is alone in its group.

    Args:
        study: What was asked for.
        runs: In the order in which they are to be trained.
        lanes: Whether there are to be any.
    """
    if not lanes or keras.backend.backend() != "jax":
        return [[run] for run in runs]
    found: dict[str, list[Run]] = {}
    for run in runs:
        settings = settings_of(study, run)
        alone = can_be_lanes(settings, study.network, study.budget)
        key = run.run_id if alone else structure_of(settings)
        found.setdefault(key, []).append(run)
    return list(found.values())


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
    settings = study.variant(run.variant).settings
    return settings if run.model == MULTI_TASK else settings.alone()


def width_for(lanes: int, values: int, platform: str) -> int:
    """Return how many lanes run side by side: a power of two.

    Args:
        lanes: How many there are.
        values: Numbers in the weights of one.
        platform: `"cpu"`, or that of an accelerator.
    """
    most = MOST_LANES.get(platform, MOST_LANES["gpu"])
    if platform == "cpu":
        most = min(most, CPU_BYTES // (4 * _COPIES * values))
    width = 1
    while 2 * width <= most and width < lanes:
        width *= 2
    return width


def train_group(
    study: Study,
    dataset: Dataset,
    store: Store,
    runs: list[Run],
    on_epoch: OnEpoch,
    on_done: OnDone,
) -> None:
    """Train a group of `groups`: one run alone, several as lanes.

    Args:
        study: What was asked for.
        dataset: Its data.
        store: Where models go.
        runs: The group.
        on_epoch: Called with a run that trains and the number of its epoch.
        on_done: Called with each finished run and its record.

    Raises:
        UserError: If the labels do not allow training, or one only skips steps.
    """
    if len(runs) > 1:
        _train_lanes(study, dataset, store, runs, on_epoch, on_done)
        return
    (run,) = runs
    record = train_run(study, dataset, store, run, lambda epoch: on_epoch(run, epoch))
    on_done(run, record)


def _train_lanes(
    study: Study,
    dataset: Dataset,
    store: Store,
    runs: list[Run],
    on_epoch: OnEpoch,
    on_done: OnDone,
) -> None:
    """Train runs of one structure, each recorded as soon as it ends."""
    from polytask.training.lanes_jax import Lane, LaneProgram, platform

    keras.utils.clear_session()
    # What no layer's name gives is at least the same each time.
    keras.utils.set_random_seed(0)
    all_settings = [settings_of(study, run) for run in runs]
    values = [
        values_of(settings, run.model != MULTI_TASK)
        for settings, run in zip(all_settings, runs, strict=True)
    ]
    knobbed, knobs = with_knobs(all_settings[0], values)
    models = _Models(study, dataset)
    with warnings.catch_warnings():
        # The networks of the variants warn themselves.
        warnings.simplefilter("ignore", UserWarning)
        model = models.compiled(dataset.tasks, knobbed)
    unknown = unknown_beginnings(model)
    if unknown:
        raise TypeError(f"No initializer is known of {', '.join(unknown)}.")
    batches = Batches(dataset.train, dataset.tasks, study.budget.batch_size, seed=0)
    steps, batch = len(batches), batches.batch_size
    watches = study.compares_balancers
    selections = EpochSelection(dataset, dataset.tasks, study.budget.patience)
    size = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    program = LaneProgram(
        model,
        batches.x,
        batches.y,
        {name: split.x for name, split in selections.splits.items()},
        width_for(len(runs), size, platform()),
        record_every=max(1, steps // LOOKS) if watches else 0,
    )
    waiting = list(zip(runs, all_settings, values, strict=True))[::-1]
    active: dict[int, _Active] = {}
    spare = np.arange(steps * batch).reshape(steps, batch)
    while waiting or active:
        start = time.perf_counter()
        beginning = {}
        for slot in range(program.width):
            if slot in active or not waiting:
                continue
            run, settings, own = waiting.pop()
            tasks = tuple(t for t in dataset.tasks if run.task in ("", t.name))
            order = orders(len(batches.x), run.seed)
            # As `fit`, which begins with the end of the epoch that shows it the shapes.
            next(order)
            selection = EpochSelection(dataset, tasks, study.budget.patience)
            active[slot] = _Active(run, settings, tasks, selection, order)
            begun = initial_values(model, run.seed)
            begun |= {id(knob): own[name] for name, knob in knobs.items()}
            beginning[slot] = Lane(begun, tuple(task.name for task in tasks))
        if beginning:
            program.begin(beginning)
        order_of = {
            slot: next(lane.order)[: steps * batch].reshape(steps, batch)
            for slot, lane in active.items()
        }
        _, outputs = program.epoch(
            np.stack([order_of.get(slot, spare) for slot in range(program.width)])
        )
        improved = np.zeros(program.width, bool)
        skipped = program.skipped()
        summaries = program.summaries() if watches else []
        for slot, lane in active.items():
            refuse_skipping(model.step_plan, skipped[slot], first=False)
            found = {
                split: {
                    task.name: task.rules.predictions(task, by_task[task.name][slot])
                    for task in lane.tasks
                }
                for split, by_task in outputs.items()
            }
            improved[slot], _ = lane.selection.judge(found)
            if watches and len(lane.tasks) > 1:
                lane.summaries.append(summaries[slot])
        program.keep(improved)
        spent = (time.perf_counter() - start) / len(active)
        for lane in active.values():
            lane.seconds += spent
        first = active[min(active)]
        on_epoch(first.run, first.selection.epochs)
        for slot, lane in list(active.items()):
            if lane.selection.ends or lane.selection.epochs >= study.budget.epochs:
                del active[slot]
                best = program.best(slot)
                record = _record(models, store, model, lane, best)
                on_done(lane.run, replace(record, lanes=program.width))


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

    def compiled(self, tasks: tuple[Task, ...], settings: Settings) -> Any:
        """Return a new network."""
        first = 0 if len(tasks) > 1 else self.dataset.tasks.index(tasks[0])
        return compiled(
            tasks,
            self.dataset.train,
            self.dataset.feature_sources,
            self.study.network,
            self.study.budget,
            settings,
            first,
        )

    def of(self, lane: _Active) -> tuple[Any, list[str]]:
        """Return the network that a lane stands for, and what building it warned of."""
        key = repr((lane.settings, [task.name for task in lane.tasks]))
        if key not in self.built:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", UserWarning)
                model = self.compiled(lane.tasks, lane.settings)
            of_users = [w for w in caught if issubclass(w.category, UserWarning)]
            self.built[key] = (model, sorted({str(w.message) for w in of_users}))
        return self.built[key]


def _record(
    models: _Models, store: Store, wide: Any, lane: _Active, best: dict[int, Any]
) -> Record:
    """Return the record of a finished lane, and store the model of all tasks."""
    start = time.perf_counter()
    model, said = models.of(lane)
    values = {
        name: best[id(variable)]
        for name, (_, variable) in named_weights(wide).items()
        if id(variable) in best
    }
    for name, (_, variable) in named_weights(model).items():
        variable.assign(values[name])
    dataset = models.dataset
    scores, missing = evaluated(model, dataset.splits, lane.tasks)
    if lane.run.model == MULTI_TASK:
        with replacing(store.model_file(lane.run)) as aside:
            model.save(aside)
    selection = lane.selection
    trained = Trained(
        model=model,
        criterion=selection.best,
        best_epoch=selection.best_epoch,
        epochs=selection.epochs,
        seconds=lane.seconds + time.perf_counter() - start,
        scores=scores,
        missing=missing,
        history=[(*row[:-1], or_none(row[-1])) for row in selection.history],
        gradients=gradient_rows(lane.summaries, [task.name for task in lane.tasks]),
    )
    return recorded(lane.run, trained, dataset, said)
