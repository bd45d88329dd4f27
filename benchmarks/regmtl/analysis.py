"""From records to what the page says: differences, intervals, verdicts, ranks."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from records import Records
from scipy import stats

from polytask.lab.kinds import KINDS
from polytask.lab.metrics import delta_m, seed_interval
from polytask.lab.metrics.repeats import (
    equivalence_p_value,
    holm,
    repeat_interval,
    repeat_p_value,
)

#: Half of the region of practical equivalence, in percent.
ROPE = 0.5
MULTI_TASK, SINGLE_TASK, BASELINE = "multi-task", "single-task", "baseline"

#: Task → (model, variant) that stands for it.
Source = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Effect:
    """Δm of one thing against another on one data set, in percent.

    Args:
        data: Name of the data set.
        arm: What is compared.
        values: One a repeat.
        interval: Mean, and the ends of the corrected resampled t interval.
        p_value: Of a mean of 0; by Holm among those it was reported with.
        p_same: That the difference is at least `ROPE`, by two one-sided tests.
        by_task: Task → mean relative change in percent.
    """

    data: str
    arm: str
    values: tuple[float, ...]
    interval: tuple[float, float, float]
    p_value: float
    p_same: float
    by_task: Mapping[str, float]

    @property
    def mean(self) -> float:
        """Over the repeats."""
        return self.interval[0]

    @property
    def verdict(self) -> str:
        """What it comes to: `"better"`, `"worse"`, `"the same"` or `"open"`."""
        if self.p_value < 0.05:
            return "better" if self.mean > 0 else "worse"
        return "the same" if self.p_same < 0.05 else "open"

    @property
    def worst_task(self) -> tuple[str, float]:
        """The task with the smallest change, and the change."""
        return min(self.by_task.items(), key=lambda item: item[1])


class Study:
    """The primary metrics of a stored study.

    Args:
        records: Of the study.
    """

    def __init__(self, records: Records) -> None:
        self.name = records.name
        self.records = records
        kinds = {task["name"]: KINDS[task["kind"]] for task in records.about["tasks"]}
        self.higher = {t: k.primary.higher_is_better for t, k in kinds.items()}
        self.classes = [t for t, k in kinds.items() if k.has_classes]
        self.primary = {t: k.primary.name for t, k in kinds.items()}
        self.ratio = float(records.about["test_ratio"])
        self.arms = [v["name"] for v in records.about["variants"]]
        self.titles = {v["name"]: v["title"] for v in records.about["variants"]}
        self._values: dict[tuple[str, ...], dict[int, float]] = {}
        keys = ["model", "variant", "task", "split", "metric"]
        for row in records.results.itertuples(index=False):
            key = tuple(getattr(row, name) for name in keys)
            self._values.setdefault(key, {})[int(row.seed)] = row.value

    def values(self, model: str, arm: str, task: str, split: str, metric: str) -> Any:
        """Return seed → value."""
        return self._values.get((model, arm, task, split, metric), {})

    def has(self, source: Source) -> bool:
        """Return whether a source was measured for every task."""
        return all(
            self.values(*source[task], task, "test", name)
            for task, name in self.primary.items()
        )

    def everywhere(self, model: str, arm: str) -> Source:
        """Return one model and arm for every task."""
        return dict.fromkeys(self.higher, (model, arm))

    def strongest(self, sources: Iterable[tuple[str, str]]) -> Source:
        """Return for each task the source with the best mean on validation rows."""
        known = list(sources)
        chosen = {}
        for task, higher in self.higher.items():
            sign = 1 if higher else -1
            means = {}
            for source in known:
                found = self.values(*source, task, "validation", self.primary[task])
                if found and np.isfinite(list(found.values())).all():
                    means[source] = sign * np.mean(list(found.values()))
            chosen[task] = max(means, key=lambda source: means[source])
        return chosen

    def single_task_models(self, kinds: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Return all single-task sources, or those models of other kinds alone."""
        others = ("constant", "linear", "trees", "svm")
        found = [(BASELINE, kind) for kind in kinds or others]
        if not kinds:
            found += [(SINGLE_TASK, arm) for arm in self.records.about["alone"]]
        return found

    def chosen_arm(self) -> str:
        """Return the arm whose mean Δm against none is the best on validation rows."""
        plain = self.everywhere(MULTI_TASK, "none")

        def gain(arm: str) -> float:
            own = self.everywhere(MULTI_TASK, arm)
            return float(np.mean(self._changes(own, plain, "validation")[0]))

        return max(self.arms, key=gain)

    def effect(self, arm: str, ours: Source, theirs: Source) -> Effect:
        """Return Δm of one source against another on test rows.

        Args:
            arm: What to call it.
            ours: What is compared.
            theirs: What it is compared with.
        """
        values, by_task = self._changes(ours, theirs, "test")
        return Effect(
            self.name,
            arm,
            tuple(values),
            tuple(repeat_interval(values, self.ratio)),
            repeat_p_value(values, self.ratio),
            equivalence_p_value(values, self.ratio, ROPE),
            by_task,
        )

    def against_none(self) -> list[Effect]:
        """Return the effects of all arms, p-values adjusted for their number."""
        plain = self.everywhere(MULTI_TASK, "none")
        return adjusted(
            [
                self.effect(arm, self.everywhere(MULTI_TASK, arm), plain)
                for arm in self.arms
                if arm != "none"
            ]
        )

    def mean_of(self, model: str, arm: str, metric: str) -> float:
        """Return a metric on test rows: the mean over tasks with classes, repeats."""
        found = [
            list(self.values(model, arm, task, "test", metric).values())
            for task in self.classes
        ]
        return float(np.mean(found)) if found and all(found) else math.nan

    def _changes(
        self, ours: Source, theirs: Source, split: str
    ) -> tuple[list[float], dict[str, float]]:
        """Return Δm of each repeat, and task → mean relative change, in percent."""
        pairs = {
            task: tuple(
                self.values(*source[task], task, split, self.primary[task])
                for source in (ours, theirs)
            )
            for task in self.higher
        }
        seeds = sorted(set.intersection(*(set(v) for p in pairs.values() for v in p)))
        scales = {t: float(np.mean(list(p[1].values()))) for t, p in pairs.items()}
        values = [
            delta_m(
                {task: own[seed] for task, (own, _) in pairs.items()},
                {task: other[seed] for task, (_, other) in pairs.items()},
                self.higher,
                scales,
            )
            for seed in seeds
        ]
        by_task = {
            task: float(
                np.mean(
                    [
                        delta_m(
                            {task: own[seed]},
                            {task: other[seed]},
                            self.higher,
                            scales,
                        )
                        for seed in seeds
                    ]
                )
            )
            for task, (own, other) in pairs.items()
        }
        return values, by_task


def adjusted(effects: Sequence[Effect]) -> list[Effect]:
    """Return effects with p-values adjusted for their number, by Holm."""
    values = holm([effect.p_value for effect in effects])
    same = holm([effect.p_same for effect in effects])
    return [
        replace(effect, p_value=p, p_same=q)
        for effect, p, q in zip(effects, values, same, strict=True)
    ]


@dataclass(frozen=True)
class Overall:
    """An arm across data sets.

    Args:
        arm: Its name.
        interval: Mean of the data sets' Δm, and the ends of Student's interval.
        rank: Mean rank among the arms, 1 is the best; NaN where it was not ranked.
        better: On how many data sets it is better than none.
        worse: On how many it is worse.
        data: On how many it was measured.
    """

    arm: str
    interval: tuple[float, float, float]
    rank: float
    better: int
    worse: int
    data: int


@dataclass(frozen=True)
class Ranking:
    """Arms ranked on every data set.

    Args:
        ranks: Arm → mean rank, the best first.
        p_value: Of arms that are all alike, by Friedman's test.
        distance: Two mean ranks that are less apart are not told apart (Nemenyi).
        data: Number of data sets.
    """

    ranks: Mapping[str, float]
    p_value: float
    distance: float
    data: int

    def groups(self) -> list[list[str]]:
        """Return the largest groups of arms that are not told apart."""
        names = list(self.ranks)
        found: list[list[str]] = []
        for i, name in enumerate(names):
            near = [
                n for n in names[i:] if self.ranks[n] - self.ranks[name] < self.distance
            ]
            if len(near) > 1 and not (found and near[-1] == found[-1][-1]):
                found.append(near)
        return found


def ranking(scores: pd.DataFrame) -> Ranking:
    """Return the mean ranks of arms, and how far apart they have to be.

    Args:
        scores: Rows are data sets, columns arms, more is better, nothing is missing.

    Source:
        Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR
        2006.
    """
    data, arms = scores.shape
    ranks = scores.rank(axis=1, ascending=False).mean().sort_values()
    p_value = float(stats.friedmanchisquare(*scores.to_numpy().T).pvalue)
    q = float(stats.studentized_range.ppf(0.95, arms, np.inf)) / math.sqrt(2)
    distance = q * math.sqrt(arms * (arms + 1) / (6 * data))
    return Ranking(dict(ranks.items()), p_value, distance, data)


def overall(effects: Iterable[Effect], ranks: Mapping[str, float]) -> list[Overall]:
    """Return each arm across data sets, the largest mean first."""
    by_arm: dict[str, list[Effect]] = {}
    for effect in effects:
        by_arm.setdefault(effect.arm, []).append(effect)
    rows = [
        Overall(
            arm,
            _over_data([effect.mean for effect in own]),
            ranks.get(arm, math.nan),
            sum(effect.verdict == "better" for effect in own),
            sum(effect.verdict == "worse" for effect in own),
            len(own),
        )
        for arm, own in by_arm.items()
    ]
    return sorted(rows, key=lambda row: -row.interval[0])


def _over_data(means: Sequence[float]) -> tuple[float, float, float]:
    """Return a mean with Student's interval; two data sets have none to speak of."""
    if len(means) < 3:
        return (float(np.mean(means)), math.nan, math.nan)
    return tuple(seed_interval(means))
