"""The generalization gap: how much better a network is on its training rows."""

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from polytask.lab.reports.charts.bar import bar
from polytask.lab.reports.metric import Metric
from polytask.lab.reports.numerals import decimals_for, number
from polytask.lab.reports.stored_study import ReportedTask, StoredStudy
from polytask.lab.studies.schema import MULTI_TASK


@dataclass(frozen=True)
class GapCell:
    """One gap with its bar."""

    text: str
    bar: Markup


def gap_section(stored: StoredStudy) -> dict[str, Any]:
    """Return the gap of every variant, by task, in the primary metric and the loss."""
    columns: list[dict[str, Any]] = [
        {
            "task": task.name,
            "metric": metric,
            "cells": _cells(stored, task, metric),
        }
        for task in stored.tasks
        for metric in _metrics(stored, task)
    ]
    return {
        "split": held_out(stored),
        "per_task": len(columns) // len(stored.tasks),
        "tasks": [task.name for task in stored.tasks],
        "columns": columns,
        "rows": [
            {
                "title": stored.title_of(name),
                "is_best": name == stored.best,
                "cells": [column["cells"][name] for column in columns],
            }
            for name in stored.ranking
        ],
    }


def held_out(stored: StoredStudy) -> str:
    """Return the split beside which training rows are put."""
    has_validation = (stored.results["split"] == "validation").any()
    return "validation" if has_validation or stored.results.empty else "test"


def _metrics(stored: StoredStudy, task: ReportedTask) -> list[Metric]:
    """Return the primary metric, and the loss where it is stored."""
    loss = Metric.named("loss")
    is_own = stored.study.kind == "experiment"
    return [task.primary] if is_own else [task.primary, loss]


def gap(stored: StoredStudy, variant: str, task: str, metric: Metric) -> float:
    """Return how much better the metric is on training than on held-out rows.

    Args:
        stored: The study.
        variant: Name of the variant.
        task: Name of the task.
        metric: The metric; where lower is better, the sign is turned.

    Returns:
        The mean over seeds, positive where the network is better on the rows that
        it has seen.
    """
    train, held = (
        stored.statistic(MULTI_TASK, variant, task, split, metric.name).mean
        for split in ("train", held_out(stored))
    )
    return held - train if metric.higher_is_better is False else train - held


def _cells(
    stored: StoredStudy, task: ReportedTask, metric: Metric
) -> dict[str, GapCell]:
    gaps = {name: gap(stored, name, task.name, metric) for name in stored.ranking}
    finite = [value for value in gaps.values() if math.isfinite(value)]
    decimals = min(decimals_for([], finite), 4)
    low, high = min([0.0, *finite]), max([0.0, *finite])
    return {
        name: GapCell(number(value, decimals, signed=True), bar(value, low, high))
        for name, value in gaps.items()
    }
