"""Trainings of one structure side by side in one JAX program, each judged by epoch."""

import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from polytask.errors import UserError
from polytask.lab.kinds import Task
from polytask.lab.studies.batches import Batches, orders
from polytask.lab.studies.compiled import compiled
from polytask.lab.studies.epoch_selection import EpochSelection
from polytask.lab.studies.schema import MULTI_TASK, Run
from polytask.lab.studies.structure import (
    Values,
    value_in,
    values_of,
    with_knobs,
)
from polytask.lab.studies.train import LOOKS
from polytask.lab.tables import Dataset
from polytask.models.initial_values import initial_values, unknown_beginnings
from polytask.models.training_monitor import refuse_skipping
from polytask_options import Budget, Network, Settings

#: On a CPU the state of all lanes should stay in its caches: more lanes are slower.
CPU_BYTES = 2**24

#: Lanes of one program at most, on a CPU and on an accelerator.
MOST_LANES = {"cpu": 16, "gpu": 256}

# Copies of the weights in a lane: they, two slots of Adam, the gradient, the best.
_COPIES = 5


@dataclass(frozen=True)
class Training:
    """One training that can be a lane.

    Args:
        run: What it is; its seed begins it, its task is the only one, if it has one.
        settings: Of its network.
        learning_rate: Of its optimizer; None for that of the budget.
    """

    run: Run
    settings: Settings
    learning_rate: float | None = None

    @classmethod
    def of(cls, run: Run, settings: Settings, budget: Budget) -> "Training":
        """Return the training of a run.

        Args:
            run: What it is.
            settings: Of its network.
            budget: Gives the learning rate; that of a schedule is no variable.
        """
        constant = budget.schedule == "constant"
        return cls(run, settings, budget.learning_rate if constant else None)

    @property
    def values(self) -> Values:
        """The values of its knobs."""
        return values_of(self.settings, self.run.model != MULTI_TASK)


@dataclass
class ActiveLane:
    """A lane that trains, or has just ended.

    Attributes:
        training: What it is.
        tasks: Its tasks.
        selection: Judges its epochs.
        order: Of its rows, one for each epoch.
        summaries: What each epoch said of the tasks' gradients.
        seconds: Its share of the time so far.
        best: id of the model's variable → its value in the best epoch, at the end.
        predicted: Split → task → predictions in the best epoch, at the end, of a
            program that measures.
        failure: Why the training could not go on; "" if it could.
    """

    training: Training
    tasks: tuple[Task, ...]
    selection: EpochSelection
    order: Iterator[np.ndarray]
    summaries: list[Any] = field(default_factory=list)
    seconds: float = 0.0
    best: dict[int, Any] = field(default_factory=dict)
    predicted: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    failure: str = ""


Lanes = Mapping[Run, EpochSelection]
OnEpoch = Callable[[Run, int], None]


def nobody(lanes: Lanes) -> Collection[Run]:
    """Let every lane train on."""
    return ()


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


class SideBySide:
    """A compiled program that trains networks of one structure; it can be used again.

    Args:
        dataset: The rows.
        network: Widths and activation.
        budget: Of every training.
        settings: Those of one of the trainings.
        values: Knob → value of trainings; those that act in one become knobs.
        lanes: How many trainings there will be at a time.
        watches: Whether to record how the tasks' gradients conflict.
        curves: Whether each epoch's metrics are recorded, see `EpochSelection`.
        measures: Whether all rows are predicted with the best weights of each lane.
        splits: Seed → rows, where they are not the same for all; those of all seeds
            have as many features and batches.

    Attributes:
        model: The network with its knobs.
        program: Trains it.
    """

    def __init__(
        self,
        dataset: Dataset,
        network: Network,
        budget: Budget,
        settings: Settings,
        values: Iterable[Values],
        lanes: int,
        watches: bool = False,
        curves: bool = True,
        measures: bool = False,
        splits: Mapping[int, Dataset] | None = None,
    ) -> None:
        from polytask.training.lanes_jax import LaneProgram, platform

        if dataset.train.weights is not None:
            raise TypeError("Rows with weights are trained one network at a time.")
        keras.utils.clear_session()
        # What no layer's name gives is at least the same each time.
        keras.utils.set_random_seed(0)
        self.splits = [dataset] if splits is None else list(splits.values())
        self.place = {seed: place for place, seed in enumerate(splits or ())}
        self.budget = budget
        self.watches = watches
        self.curves = curves
        self.measures = measures
        self._beginnings: dict[int, dict[int, Any]] = {}
        knobbed, self.knobs = with_knobs(settings, values)
        with warnings.catch_warnings():
            # The networks of the variants warn themselves.
            warnings.simplefilter("ignore", UserWarning)
            self.model = compiled(
                dataset.tasks,
                dataset.train,
                dataset.columns,
                network,
                budget,
                knobbed,
            )
        unknown = unknown_beginnings(self.model)
        if unknown:
            raise TypeError(f"No initializer is known of {', '.join(unknown)}.")
        batches = Batches(dataset.train, dataset.tasks, budget.batch_size, seed=0)
        self.shape = (len(batches), batches.batch_size)
        size = sum(int(np.prod(v.shape)) for v in self.model.trainable_variables)
        self.program = LaneProgram(
            self.model,
            [self._rows(each) for each in self.splits],
            width_for(lanes, size, platform()),
            record_every=max(1, len(batches) // LOOKS) if watches else 0,
        )

    def train(
        self,
        trainings: Iterable[Training],
        on_epoch: OnEpoch,
        leaving: Callable[[Lanes], Collection[Run]] = nobody,
        tolerant: bool = False,
    ) -> Iterator[ActiveLane]:
        """Train, and yield each lane as it ends; the next one takes its slot.

        Args:
            trainings: In the order in which they begin.
            on_epoch: Called with a run that trains and the number of its epoch.
            leaving: After each epoch, which of the lanes end, by their judged epochs.
            tolerant: Whether a training that only skips steps ends with a `failure`
                in place of an error.

        Raises:
            UserError: If the labels do not allow training, or one only skips steps.
        """
        waiting = list(trainings)[::-1]
        active: dict[int, ActiveLane] = {}
        width = self.program.width
        spare = np.arange(int(np.prod(self.shape))).reshape(self.shape)
        while waiting or active:
            start = time.perf_counter()
            free = [slot for slot in range(width) if slot not in active]
            for slot in free[: len(waiting)]:
                active[slot] = self._begun(waiting.pop())
            begun = {s: self._lane(active[s]) for s in free if s in active}
            if begun:
                self.program.begin(begun)
            order_of = {
                slot: next(lane.order)[: spare.size].reshape(self.shape)
                for slot, lane in active.items()
            }
            _, outputs = self.program.epoch(
                np.stack([order_of.get(slot, spare) for slot in range(width)])
            )
            self._judge(active, outputs, tolerant)
            spent = (time.perf_counter() - start) / len(active)
            for lane in active.values():
                lane.seconds += spent
            first = active[min(active)]
            on_epoch(first.training.run, first.selection.epochs)
            yield from self._ended(active, leaving)

    def _begun(self, training: Training) -> ActiveLane:
        run = training.run
        dataset = self.splits[self.place.get(run.seed, 0)]
        tasks = tuple(t for t in dataset.tasks if run.task in ("", t.name))
        order = orders(len(dataset.train), run.seed)
        # As `fit`, which begins with the end of the epoch that shows it the shapes.
        next(order)
        selection = self._selection(dataset, tasks)
        return ActiveLane(training, tasks, selection, order)

    def _lane(self, lane: ActiveLane) -> Any:
        from polytask.training.lanes_jax import Lane

        training = lane.training
        seed = training.run.seed
        if seed not in self._beginnings:
            self._beginnings[seed] = initial_values(self.model, seed)
        begun = dict(self._beginnings[seed])
        own = training.values
        begun |= {id(k): value_in(own, name) for name, k in self.knobs.items()}
        if training.learning_rate is not None:
            begun[id(self.model.optimizer.learning_rate)] = training.learning_rate
        names = tuple(task.name for task in lane.tasks)
        return Lane(begun, names, self.place.get(training.run.seed, 0))

    def _selection(self, dataset: Dataset, tasks: tuple[Task, ...]) -> EpochSelection:
        return EpochSelection(dataset, tasks, self.budget.patience, curves=self.curves)

    def _rows(self, dataset: Dataset) -> Any:
        from polytask.training.lanes_jax import Rows

        batches = Batches(dataset.train, dataset.tasks, self.budget.batch_size, seed=0)
        splits = self._selection(dataset, dataset.tasks).splits
        watched = {name: split.x for name, split in splits.items()}
        measured = dataset.splits if self.measures else {}
        rows = {name: split.x for name, split in measured.items()}
        return Rows(batches.x, batches.y, watched, rows)

    def _judge(
        self, active: dict[int, ActiveLane], outputs: Any, tolerant: bool
    ) -> None:
        """Let each lane's epoch be judged, and keep the best weights."""
        improved = np.zeros(self.program.width, bool)
        skipped = self.program.skipped()
        summaries = self.program.summaries() if self.watches else []
        for slot, lane in active.items():
            try:
                refuse_skipping(self.model.step_plan, skipped[slot], first=False)
            except UserError as error:
                if not tolerant:
                    raise
                lane.failure = str(error)
            found = {
                split: _predictions(
                    lane.tasks, by_task, slot, len(lane.selection.splits[split])
                )
                for split, by_task in outputs.items()
            }
            improved[slot], _ = lane.selection.judge(found)
            if self.watches and len(lane.tasks) > 1:
                lane.summaries.append(summaries[slot])
        self.program.keep(improved)

    def _ended(
        self,
        active: dict[int, ActiveLane],
        leaving: Callable[[Lanes], Collection[Run]],
    ) -> Iterator[ActiveLane]:
        judged = {lane.training.run: lane.selection for lane in active.values()}
        left = set(leaving(judged))
        for slot, lane in list(active.items()):
            last = lane.selection.epochs >= self.budget.epochs
            leaves = lane.training.run in left or lane.failure
            if lane.selection.ends or last or leaves:
                del active[slot]
                lane.best = self.program.best(slot)
                if self.measures:
                    lane.predicted = self._predicted(lane, slot)
                yield lane

    def _predicted(
        self, lane: ActiveLane, slot: int
    ) -> dict[str, dict[str, np.ndarray]]:
        place = self.place.get(lane.training.run.seed, 0)
        rows = self.splits[place].splits
        return {
            split: _predictions(lane.tasks, by_task, ..., len(rows[split]))
            for split, by_task in self.program.measured(slot).items()
        }


def _predictions(
    tasks: tuple[Task, ...], outputs: Mapping[str, np.ndarray], slot: Any, rows: int
) -> dict[str, np.ndarray]:
    """Return task → predictions of a lane, without the rows that fill up its split."""
    return {
        task.name: task.rules.predictions(task, outputs[task.name][slot][:rows])
        for task in tasks
    }
