"""From records to what the page says of a data set: differences, verdicts."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from records import Records, joined

from polytask.lab.kinds import KINDS
from polytask.lab.metrics import delta_m
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

    def beside(self, more: Records) -> "Study":
        """Return the study that knows what another measured on the same splits.

        Args:
            more: Of the other study; its variants are no arms of this one.
        """
        known = joined(self.records, more)
        return Study(replace(known, about=self.records.about))

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
        others = ("constant", "linear", "trees", "svm", "lightgbm")
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

    def gap(self, arm: str) -> float:
        """Return how much worse a multi-task arm is on test than on training rows.

        Args:
            arm: Its name.

        Returns:
            The mean over tasks and repeats of the relative change, in percent.
        """
        changes = []
        for task, name in self.primary.items():
            train, test = (
                self.values(MULTI_TASK, arm, task, split, name)
                for split in ("train", "test")
            )
            changes += [
                -delta_m({task: value}, {task: train[seed]}, {task: self.higher[task]})
                for seed, value in test.items()
            ]
        return float(np.mean(changes))

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
