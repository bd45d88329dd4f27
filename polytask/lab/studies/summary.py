"""What a study comes to: baselines, Δm with its interval, the best variant."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from polytask.errors import UserError
from polytask.lab.metrics import delta_m, primary_metric, seed_interval
from polytask.lab.studies.plan import MULTI_TASK, SINGLE_TASK

BEST_BY = (
    "The variant with the highest mean Δm on validation data, against the same "
    "baselines; its test data did not choose it."
)

Values = dict[tuple[str, str, str, int, str], float]


def summarize(description: dict[str, Any], results: pd.DataFrame) -> dict[str, Any]:
    """Return the summary of a study, finished or not.

    For each task the baseline is the single-task variant with the best mean
    validation metric over seeds. Δm of a variant for one seed compares its test
    metrics with the same seed's runs of these baselines, relative to the baselines'
    means over seeds; the interval is Student's over seeds. The best variant is chosen
    by the same number on validation data, so that test data choose nothing.

    Args:
        description: The content of `study.json`.
        results: The content of `results.parquet`.

    Returns:
        `best`, `best_by`, `delta_m`, `delta_m_validation`, `baseline` and
        `plain_single_task`.
    """
    view = _View(description, results)
    baseline = {task: view.strongest(task) for task in view.tasks}
    chosen = {task: variant for task, variant in baseline.items() if variant}
    test = {name: view.delta_m(name, chosen, "test") for name in view.variants}
    validation = {
        name: view.delta_m(name, chosen, "validation") for name in view.variants
    }
    known = {n: e["mean"] for n, e in validation.items() if e["mean"] is not None}
    plain = description.get("plain")
    return {
        "best": max(known, key=lambda name: known[name]) if known else None,
        "best_by": BEST_BY,
        "delta_m": test,
        "delta_m_validation": validation,
        "baseline": view.levels(chosen),
        "plain_single_task": view.levels(dict.fromkeys(view.tasks, plain)),
    }


class _View:
    """The primary metrics of a study, by model, variant, task, seed and split."""

    def __init__(self, description: dict[str, Any], results: pd.DataFrame) -> None:
        self.metrics = {
            task["name"]: primary_metric(task["kind"]) for task in description["tasks"]
        }
        self.tasks = list(self.metrics)
        self.variants = [variant["name"] for variant in description["variants"]]
        self.seeds = description["seeds"]
        primary = results["metric"] == results["task"].map(
            {task: metric.name for task, metric in self.metrics.items()}
        )
        keys = ["model", "variant", "task", "seed", "split"]
        rows = results[primary]
        self.values: Values = dict(
            zip(
                rows[keys].itertuples(index=False, name=None),
                rows["value"].astype(float),
                strict=True,
            )
        )

    def single(self, variant: str, task: str, split: str) -> dict[int, float]:
        """Return seed → metric of the single-task runs there are."""
        keys = ((s, (SINGLE_TASK, variant, task, s, split)) for s in self.seeds)
        return {s: self.values[key] for s, key in keys if key in self.values}

    def strongest(self, task: str) -> str | None:
        """Return the single-task variant with the best mean on validation data."""
        found = {v: self.single(v, task, "validation") for v in self.variants}
        most = max((len(values) for values in found.values()), default=0)
        # An unfinished variant with a lucky seed must not become the baseline.
        means = {
            variant: sum(values.values()) / most
            for variant, values in found.items()
            if len(values) == most > 0 and not any(map(math.isnan, values.values()))
        }
        if not means:
            return None
        sign = 1 if self.metrics[task].higher_is_better else -1
        return max(means, key=lambda variant: sign * means[variant])

    def delta_m(
        self, variant: str, baseline: dict[str, str], split: str
    ) -> dict[str, Any]:
        """Return mean, interval and seed values of Δm, or the reason for none."""
        if set(baseline) != set(self.tasks):
            lacking = next(task for task in self.tasks if task not in baseline)
            return _no_delta(f"task {lacking} has no single-task baseline yet")
        direction = {t: metric.higher_is_better for t, metric in self.metrics.items()}
        references = {t: self.single(v, t, split) for t, v in baseline.items()}
        scales = {t: sum(r.values()) / len(r) for t, r in references.items() if r}
        per_seed: list[float] = []
        for seed in self.seeds:
            keys = {t: (MULTI_TASK, variant, t, seed, split) for t in self.tasks}
            if not all(
                keys[t] in self.values and seed in references[t] for t in self.tasks
            ):
                continue
            ours = {task: self.values[key] for task, key in keys.items()}
            theirs = {task: references[task][seed] for task in self.tasks}
            try:
                per_seed.append(delta_m(ours, theirs, direction, scales))
            except UserError as error:
                return _no_delta(str(error))
        if not per_seed:
            return _no_delta("no seed is finished yet")
        if any(map(math.isnan, per_seed)):
            return _no_delta(f"a primary metric is undefined on {split} data")
        mean, low, high = seed_interval(per_seed)
        return {
            "mean": mean,
            "low": None if math.isnan(low) else low,
            "high": None if math.isnan(high) else high,
            "per_seed": per_seed,
        }

    def levels(self, variants: Mapping[str, str | None]) -> dict[str, dict[str, Any]]:
        """Return task → mean test metric of one single-task variant."""
        found = {}
        for task, variant in variants.items():
            values = self.single(variant, task, "test") if variant else {}
            if not values:
                continue
            mean = sum(values.values()) / len(values)
            found[task] = {
                "variant": variant,
                "metric": self.metrics[task].name,
                "value": None if math.isnan(mean) else mean,
            }
        return found


def _no_delta(reason: str) -> dict[str, Any]:
    return {"mean": None, "low": None, "high": None, "per_seed": [], "reason": reason}
