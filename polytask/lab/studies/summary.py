"""What a study comes to: baselines, Δm with its interval, the best variant."""

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pandas as pd

from polytask.errors import UserError
from polytask.lab.metrics import Interval, delta_m, seed_interval
from polytask.lab.metrics.error_reduction import error_reduction
from polytask.lab.metrics.repeats import (
    equivalence_p_value,
    holm,
    repeat_interval,
    repeat_p_value,
)
from polytask.lab.studies.schema import (
    BASELINE,
    MULTI_TASK,
    SINGLE_TASK,
    Description,
    StoredTask,
)
from polytask.lab.studies.summary_schema import (
    BaselineModel,
    Delta,
    Level,
    Rival,
    Summary,
)

BEST_BY = (
    "The variant with the highest mean Δm on validation data, against the same "
    "baselines; its test data did not choose it."
)

#: Task → seed → primary metric.
Levels = dict[str, dict[int, float]]
#: Task → primary metric of one seed.
Scores = dict[str, float]
#: Task → (model, variant), such as the baseline of each task.
Source = Mapping[str, tuple[str, str]]


def summarize(
    description: Mapping[str, Any] | Description,
    results: pd.DataFrame,
    baselines: Iterable[BaselineModel] = (),
) -> dict[str, Any]:
    """Return the summary of a study, finished or not.

    For each task the baseline is the single-task variant with the best mean
    validation metric over seeds, or the variant that the study names. Δm of a variant
    for one seed compares its test metrics with the same seed's runs of these baselines,
    relative to the baselines' means over seeds. The interval is Student's over seeds;
    over repeats with splits of their own it is the corrected resampled t, see
    `polytask.lab.metrics.repeats`. p-values are adjusted for the number of variants.
    The best variant is chosen by the same number on validation data, so that test data
    choose nothing.

    Args:
        description: The content of `study.json`.
        results: The content of `results.parquet`.
        baselines: Single-task models that are no networks; with them each task's
            strongest model of any kind is chosen as well, on validation data.

    Returns:
        The content of `summary.json`: `best`, `best_by`, `delta_m`,
        `delta_m_validation`, `baseline` and `plain_single_task`; with baselines also
        `strongest_model` and `delta_m_any_model`, Δm against these.
    """
    study = msgspec.convert(description, Description, from_attributes=True)
    metrics = PrimaryMetrics(study.tasks, results)
    variants = [variant.name for variant in study.variants]
    baseline: Source = metrics.strongest(variants)
    if study.baseline is not None:
        baseline = metrics.everywhere(study.baseline)
    test, validation = (
        _deltas(study, metrics, baseline, split) for split in ("test", "validation")
    )
    known = {n: d.mean for n, d in validation.items() if d.mean is not None}
    metrics.add(baselines)
    rivals = metrics.strongest_of_any_kind(baseline)
    plain = dict.fromkeys(metrics.tasks, (SINGLE_TASK, study.plain or ""))
    summary = Summary(
        best=max(known, key=lambda name: known[name]) if known else None,
        best_by=BEST_BY,
        delta_m=test,
        delta_m_validation=validation,
        baseline=_means(metrics, baseline),
        plain_single_task=_means(metrics, plain),
        strongest_model={
            task: Rival(
                model=rivals[task][0],
                variant=level.variant,
                metric=level.metric,
                value=level.value,
            )
            for task, level in _means(metrics, rivals).items()
        },
        delta_m_any_model=_deltas(study, metrics, rivals, "test") if rivals else {},
        comparisons=sum(delta.p_value is not None for delta in test.values()),
    )
    content: dict[str, Any] = msgspec.to_builtins(summary)
    # These two come from the records.
    del content["missing"], content["warnings"]
    return content


class PrimaryMetrics:
    """The primary metrics of all finished runs.

    Args:
        tasks: The tasks.
        results: The content of `results.parquet`.
    """

    def __init__(self, tasks: Iterable[StoredTask], results: pd.DataFrame) -> None:
        self.tasks = {task.name: task for task in tasks}
        self.higher = {name: t.higher_is_better for name, t in self.tasks.items()}
        names = {name: task.primary for name, task in self.tasks.items()}
        rows = results[results["metric"] == results["task"].map(names)]
        rows = rows.sort_values("seed", kind="stable")
        self.values: dict[tuple[str, str, str, str], dict[int, float]] = {}
        columns = ["model", "variant", "task", "split", "seed"]
        keys = rows[columns].itertuples(index=False, name=None)
        for (*key, seed), value in zip(keys, rows["value"].astype(float), strict=True):
            self.values.setdefault((*key,), {})[seed] = value

    def add(self, baselines: Iterable[BaselineModel]) -> None:
        """Add models: of one repeat, or with the same value for every finished seed."""
        finished = sorted({seed for values in self.values.values() for seed in values})
        for model in baselines:
            for task, split, metric, value in model.scores:
                if metric == self.tasks[task].primary:
                    level = math.nan if value is None else value
                    key = (BASELINE, model.name, task, split)
                    seeds = finished if model.seed is None else [model.seed]
                    self.values.setdefault(key, {}).update(dict.fromkeys(seeds, level))

    def strongest_of_any_kind(self, networks: Source) -> dict[str, tuple[str, str]]:
        """Return each task's best single-task model on validation data.

        Args:
            networks: The strongest single-task network of each task.

        Returns:
            Nothing if no baseline was added, else one source for each task.
        """
        kinds = {(m, v) for m, v, *_ in self.values if m == BASELINE}
        chosen: dict[str, tuple[str, str]] = {}
        for task, higher in self.higher.items() if kinds else ():
            candidates = [networks[task]] if task in networks else []
            levels = {
                source: mean(self.values.get((*source, task, "validation"), {}))
                for source in (*candidates, *sorted(kinds))
            }
            sign = 1 if higher else -1
            known = {s: sign * v for s, v in levels.items() if not math.isnan(v)}
            if known:
                chosen[task] = max(known, key=lambda source: known[source])
        return chosen

    def everywhere(self, variant: str) -> Source:
        """Return a multi-task variant as the source of every task."""
        return dict.fromkeys(self.tasks, (MULTI_TASK, variant))

    def levels(self, source: Source, split: str) -> Levels:
        """Return what the runs of a source measured on a split."""
        return {
            task: self.values.get((*source[task], task, split), {}) for task in source
        }

    def strongest(self, variants: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Return the best single-task variant of each task, on validation data."""
        names = list(variants)
        chosen = {}
        for task, higher in self.higher.items():
            key = (task, "validation")
            levels = {v: self.values.get((SINGLE_TASK, v, *key), {}) for v in names}
            most = max(map(len, levels.values()), default=0)
            # An unfinished variant with a lucky seed must not become the baseline.
            means = {
                variant: (1 if higher else -1) * mean(values)
                for variant, values in levels.items()
                if len(values) == most > 0 and not math.isnan(mean(values))
            }
            if means:
                best = max(means, key=lambda name: means[name])
                chosen[task] = (SINGLE_TASK, best)
        return chosen

    def changes(self, ours: Levels, theirs: Levels, scales: Levels) -> list[float]:
        """Return Δm of every seed that has all runs, in percent.

        Args:
            ours: What is compared.
            theirs: With what, seed by seed.
            scales: Whose means over seeds the change is relative to.

        Raises:
            UserError: If a scale is zero.
        """
        means = {task: mean(values) for task, values in scales.items() if values}
        return [
            delta_m(own, other, self.higher, means)
            for own, other in self.pairs(ours, theirs)
        ]

    def pairs(self, ours: Levels, theirs: Levels) -> list[tuple[Scores, Scores]]:
        """Return for every seed that has all runs: task → metric, ours and theirs."""
        seeds = set.intersection(*({*v} for v in (*ours.values(), *theirs.values())))
        return [
            (
                {task: ours[task][seed] for task in self.tasks},
                {task: theirs[task][seed] for task in self.tasks},
            )
            for seed in sorted(seeds)
        ]


def mean(values: Mapping[int, float]) -> float:
    """Return the mean over seeds; NaN where there is none or one is undefined."""
    return sum(values.values()) / len(values) if values else math.nan


def interval(values: list[float]) -> Interval:
    """Return the interval over seeds; NaN where there is none or one is undefined."""
    if not values or any(map(math.isnan, values)):
        return Interval(math.nan, math.nan, math.nan)
    return seed_interval(values)


def _deltas(
    study: Description, metrics: PrimaryMetrics, baseline: Source, split: str
) -> dict[str, Delta]:
    """Return Δm of every variant, with p-values adjusted for their number."""
    deltas = {
        v.name: _delta(study, metrics, v.name, baseline, split) for v in study.variants
    }
    if study.baseline in deltas:
        # Beside itself it is the line that others are compared with, and no test.
        itself = deltas[study.baseline]
        itself.p_value = itself.p_equivalence = None
    for quantity, adjusted in (("p_value", "p_adjusted"), ("p_equivalence",) * 2):
        values = [_or_nan(getattr(delta, quantity)) for delta in deltas.values()]
        for delta, value in zip(deltas.values(), holm(values), strict=True):
            setattr(delta, adjusted, _or_none(value))
    return deltas


def _delta(
    study: Description,
    metrics: PrimaryMetrics,
    variant: str,
    baseline: Source,
    split: str,
) -> Delta:
    """Return mean, interval and seed values of Δm, or the reason for none."""
    for task in metrics.tasks:
        if task not in baseline:
            return Delta(reason=f"task {task} has no single-task baseline yet")
    theirs = metrics.levels(baseline, split)
    ours = metrics.levels(metrics.everywhere(variant), split)
    try:
        changes = metrics.changes(ours, theirs, scales=theirs)
    except UserError as error:
        return Delta(reason=str(error))
    if not changes:
        return Delta(reason="no seed is finished yet")
    if any(map(math.isnan, changes)):
        return Delta(reason=f"a primary metric is undefined on {split} data")
    middle, low, high = repeat_interval(changes, study.test_ratio)
    tested = (changes, study.test_ratio)
    pairs = metrics.pairs(ours, theirs)
    by_task = {
        task: statistics.fmean(
            delta_m(
                {task: own[task]},
                {task: other[task]},
                metrics.higher,
                {task: mean(theirs[task])},
            )
            for own, other in pairs
        )
        for task in metrics.tasks
    }
    worst = min(by_task, key=lambda task: by_task[task])
    own_means, means = (
        {
            task: statistics.fmean(pair[which][task] for pair in pairs)
            for task in by_task
        }
        for which in (0, 1)
    )
    return Delta(
        middle,
        _or_none(low),
        _or_none(high),
        per_seed=list(changes),
        p_value=_or_none(repeat_p_value(*tested)),
        p_equivalence=_or_none(equivalence_p_value(*tested, study.margin)),
        worst_task=worst,
        worst=by_task[worst],
        error_reduction=_or_none(error_reduction(own_means, means, metrics.higher)),
    )


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _means(metrics: PrimaryMetrics, source: Source) -> dict[str, Level]:
    """Return the mean test metric of the source of each task."""
    levels = metrics.levels(source, "test")
    means = {task: mean(values) for task, values in levels.items() if values}
    return {
        task: Level(
            variant=source[task][1],
            metric=metrics.tasks[task].primary,
            value=None if math.isnan(level) else level,
        )
        for task, level in means.items()
    }
