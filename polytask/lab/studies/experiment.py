"""A study whose trainings are functions of the user's own."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polytask.errors import UserError
from polytask.lab.metrics import Interval
from polytask.lab.studies.folder import check_place, locked
from polytask.lab.studies.old_experiment import upgraded
from polytask.lab.studies.schema import (
    MULTI_TASK,
    Description,
    Record,
    Run,
    StoredTask,
    StoredVariant,
)
from polytask.lab.studies.store import Store, versions
from polytask.lab.studies.summary import PrimaryMetrics, interval
from polytask.lab.studies.tables import results_table, write_tables
from polytask.metric_direction import HIGHER_IS_BETTER, higher_is_better

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class Outcome:
    """The scores of one variant and seed, and whatever else the caller keeps.

    Args:
        scores: Split → task → metric → value. NaN where a metric is undefined.
        extra: Anything that JSON can hold: curves, counts, names.
        seconds: Wall-clock time of the training; the experiment fills it in.

    Example:
        >>> outcome = Outcome({"test": {"click": {"auc": 0.75}}})
        >>> outcome.value("test", "click", "auc")
        0.75
    """

    scores: Scores
    extra: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = math.nan

    def value(self, split: str, task: str, metric: str) -> float:
        """Return one score, NaN where it was not measured."""
        return float(self.scores.get(split, {}).get(task, {}).get(metric, math.nan))


@dataclass(frozen=True)
class VariantSummary:
    """Means over seeds, with 95 % intervals.

    Attributes:
        seeds: How many seeds were run.
        metrics: Task → interval of its primary metric.
        delta_m: Δm in percent against the baseline, over the seeds that both have;
            NaN where there is none, a metric is undefined or the baseline's is 0.
        gap: Generalization gap in percent: Δm of the training against the test
            metrics of the same run. Positive where training looks better than test.
        seconds: Mean wall-clock time of a training.
    """

    seeds: int
    metrics: dict[str, Interval]
    delta_m: Interval
    gap: Interval
    seconds: float


class Experiment:
    """A comparison of networks that a study file cannot describe.

    A study file names networks that polytask builds and trains. An experiment is a
    study that takes any training function. It has the same folder, which
    `polytask report` shows, and the same Δm, paired by seed, with its interval. A run
    that is stored is not trained again, so an interrupted experiment continues.

    Args:
        folder: Where the results are kept; made if absent.
        tasks: Task → its primary metric: a usual name such as `"auc"` or `"rmse"`,
            or a pair (name, whether higher is better).
        settings: Everything that the results depend on, as JSON can hold it.
        title: Of the report; default: the folder's name.
        baseline: Name of the variant that the report compares with.

    Raises:
        UserError: If the folder holds an experiment with other settings or cannot be
            made, a metric's direction is not known, or there is no task.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> experiment = Experiment(folder, {"click": "auc"}, {"rows": 100})
        >>> for seed in range(3):
        ...     for name, auc in (("single-task", 0.70), ("dropout", 0.77)):
        ...         scores = {"test": {"click": {"auc": auc + 0.01 * seed}}}
        ...         _ = experiment.run(name, seed, lambda: Outcome(scores))
        >>> rows = experiment.summary(baseline="single-task")
        >>> round(rows["dropout"].delta_m.mean, 2)
        9.86
    """

    def __init__(
        self,
        folder: str | Path,
        tasks: Mapping[str, str | tuple[str, bool]],
        settings: Mapping[str, Any],
        title: str = "",
        baseline: str | None = None,
    ) -> None:
        if not tasks:
            raise UserError("An experiment needs at least one task with its metric.")
        self.store = Store(folder, kind="experiment")
        self.folder = self.store.folder
        self.description = Description(
            kind="experiment",
            name=self.folder.name,
            title=title or self.folder.name,
            created_by=versions(),
            tasks=[_task(name, metric) for name, metric in tasks.items()],
            settings=json.loads(json.dumps(dict(settings))),
            baseline=baseline,
        )
        check_place(self.folder)
        try:
            self.store.runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.folder} cannot be made: {error}.") from error
        with locked(self.folder):
            self._claim(upgraded(self.store))
            self.store.open(self.description)

    def _claim(self, stored: Description | None) -> None:
        """Continue what the folder holds, if it is this experiment."""
        if stored is None:
            return
        if stored.kind != "experiment":
            raise UserError(
                f"{self.folder} holds a {stored.kind}; give an experiment another "
                "folder."
            )
        before, now = _identity(stored), _identity(self.description)
        for name in {**before, **now}:
            if before.get(name) != now.get(name):
                raise UserError(
                    f"{self.folder} holds an experiment with {name} = "
                    f"{before.get(name)!r}; now it is {now.get(name)!r}. Give another "
                    "folder, or remove this one."
                )
        self.description.variants = stored.variants
        self.description.seeds = stored.seeds

    def run(self, variant: str, seed: int, train: Callable[[], Outcome]) -> Outcome:
        """Return the outcome of a variant and seed; train only if it is not stored.

        Args:
            variant: Name of the variant.
            seed: The seed that `train` uses.
            train: Trains and evaluates.

        Returns:
            The outcome, with its seconds.

        Raises:
            UserError: If the outcome lacks a task's primary metric on some split.
        """
        run = Run(MULTI_TASK, variant, seed)
        record = self.store.load(run)
        if record is None:
            with locked(self.folder):
                start = time.perf_counter()
                outcome = train()
                record = self._record(run, outcome, time.perf_counter() - start)
                self._announce(variant, seed)
                self.store.save(run, record)
        return _outcome(record)

    def _record(self, run: Run, outcome: Outcome, seconds: float) -> Record:
        for split, tasks in outcome.scores.items():
            for task in self.description.tasks:
                if task.primary not in tasks.get(task.name, {}):
                    raise UserError(
                        f'The outcome of "{run.variant}" has no {task.primary} of task '
                        f'"{task.name}" on the split "{split}". Where it is '
                        "undefined, give NaN."
                    )
        return Record.of(
            run,
            scores=[
                (task, split, metric, _finite(value))
                for split, tasks in outcome.scores.items()
                for task, metrics in tasks.items()
                for metric, value in metrics.items()
            ],
            seconds=seconds,
            extra=dict(outcome.extra),
        )

    def _announce(self, variant: str, seed: int) -> None:
        """Name a variant and a seed in `study.json`."""
        known = {one.name for one in self.description.variants}
        if variant not in known:
            self.description.variants.append(StoredVariant(name=variant))
        if seed not in self.description.seeds:
            self.description.seeds.append(seed)
        self.store.open(self.description)

    def outcomes(self) -> dict[str, dict[int, Outcome]]:
        """Return variant → seed → outcome of all stored runs, in order of time.

        Raises:
            UserError: If a stored file is damaged.
        """
        outcomes: dict[str, dict[int, Outcome]] = {}
        for record in self._records():
            outcomes.setdefault(record.variant, {})[record.seed] = _outcome(record)
        return outcomes

    def summary(
        self, baseline: str, split: str = "test", train_split: str = "train"
    ) -> dict[str, VariantSummary]:
        """Return variant → what its runs come to, against a baseline.

        Δm and the gap are relative to the baseline's means over seeds, so that a seed
        on which the baseline does badly does not count for more than others.

        Args:
            baseline: Name of the variant that Δm is relative to.
            split: The split to compare on.
            train_split: The split whose distance from `split` is the gap.

        Returns:
            One summary for each variant with a stored run.

        Raises:
            UserError: If the baseline has no stored run.
        """
        records = self._records()
        seconds: dict[str, list[float]] = {}
        for record in records:
            seconds.setdefault(record.variant, []).append(_number(record.seconds))
        if baseline not in seconds:
            raise UserError(
                f'The baseline "{baseline}" has no stored run in {self.folder}. '
                f"Stored: {', '.join(seconds) or 'none'}."
            )
        metrics = PrimaryMetrics(self.description.tasks, results_table(records))
        theirs = metrics.levels(metrics.everywhere(baseline), split)
        summaries = {}
        for variant, times in seconds.items():
            source = metrics.everywhere(variant)
            own, train = (
                metrics.levels(source, split),
                metrics.levels(source, train_split),
            )
            summaries[variant] = VariantSummary(
                seeds=len(times),
                metrics={task: interval([*v.values()]) for task, v in own.items()},
                delta_m=_changes(metrics, own, theirs, theirs),
                gap=_changes(metrics, train, own, theirs),
                seconds=sum(times) / len(times),
            )
        return summaries

    def write_tables(self) -> None:
        """Write the tables and the summary that `polytask.lab.reports` reads."""
        write_tables(self.store)

    def _records(self) -> list[Record]:
        return [
            self.store.read(run)
            for variant in self.description.variants
            for seed in self.description.seeds
            if self.store.record_file(
                run := Run(MULTI_TASK, variant.name, seed)
            ).exists()
        ]


def _task(name: str, metric: str | tuple[str, bool]) -> StoredTask:
    if not isinstance(metric, str):
        return StoredTask(name=name, metric=metric[0], higher=bool(metric[1]))
    known = higher_is_better(metric)
    if known is None:
        raise UserError(
            f'Task "{name}": it is not known whether a higher "{metric}" is better. '
            f'Give ("{metric}", True) or ("{metric}", False). Known: '
            f"{', '.join(HIGHER_IS_BETTER)}."
        )
    return StoredTask(name=name, metric=metric, higher=known)


def _identity(description: Description) -> dict[str, Any]:
    """Return what has to stay the same, by dotted names."""
    return _flat(
        {
            "tasks": {t.name: [t.metric, t.higher] for t in description.tasks},
            "settings": description.settings,
            "backend": description.created_by.get("backend"),
        }
    )


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    parts: dict[str, Any] = {}
    for key, inner in value.items():
        parts.update(_flat(inner, f"{name}.{key}" if name else str(key)))
    return parts


def _outcome(record: Record) -> Outcome:
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for task, split, metric, value in record.scores:
        scores.setdefault(split, {}).setdefault(task, {})[metric] = _number(value)
    return Outcome(scores, record.extra, _number(record.seconds))


def _changes(metrics: PrimaryMetrics, ours: Any, theirs: Any, scales: Any) -> Interval:
    try:
        return interval(metrics.changes(ours, theirs, scales))
    except UserError:
        # A task on which the baseline has nothing, as an accuracy of 0, has no ratio.
        return interval([])


def _finite(value: float) -> float | None:
    # JSON has no NaN and no infinity: either means that there is no usable value.
    return float(value) if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value
