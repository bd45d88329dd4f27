"""How the tasks' gradients conflict, and what the balancers made of them."""

import math
from typing import Any

import numpy as np
import pandas as pd

from polytask.lab.reports.charts.bar import bar
from polytask.lab.reports.charts.cosine_matrix import cosine_matrix
from polytask.lab.reports.charts.epoch_chart import epoch_chart
from polytask.lab.reports.numerals import number, percent
from polytask.lab.reports.stored_study import StoredStudy

# Variants beyond these are folded, so that a long comparison stays readable.
_OPEN_VARIANTS = 4


def balancing_section(stored: StoredStudy) -> dict[str, Any] | None:
    """Return the table and the panels, None where no gradients were watched."""
    watched = [
        name for name in stored.ranking if (stored.gradients["variant"] == name).any()
    ]
    if not watched:
        return None
    groups = [_group(stored, name) for name in watched]
    return {
        "tasks": [task.name for task in stored.tasks],
        "rows": [_row(stored, name) for name in watched],
        "shown": groups[:_OPEN_VARIANTS],
        "folded": groups[_OPEN_VARIANTS:],
    }


def _row(stored: StoredStudy, name: str) -> dict[str, Any]:
    conflict = 100 * float(_values(stored, name, "conflict")["value"].mean())
    weights, norms = (
        _values(stored, name, quantity).groupby("task")["value"].mean()
        for quantity in ("weight", "gradient_norm")
    )
    return {
        "title": stored.title_of(name),
        "is_best": name == stored.best,
        "conflict": percent(conflict, 0),
        "bar": bar(conflict, 0.0, 100.0),
        "cells": [
            {
                "weight": number(weights.get(task.name), 2),
                "norm": _short(norms.get(task.name, np.nan)),
            }
            for task in stored.tasks
        ],
    }


def _group(stored: StoredStudy, name: str) -> dict[str, Any]:
    title = stored.title_of(name)
    tasks = [task.name for task in stored.tasks]
    panels = [
        {
            "metric": "cosines of the gradients",
            "chart": cosine_matrix(_cosines(stored, name, tasks), tasks, title),
        }
    ]
    conflict = _by_epoch(_values(stored, name, "conflict"))
    if len(conflict):
        curves = {"conflict": 100 * conflict[""]}
        panels.append(
            {
                "metric": "conflicting pairs, %",
                "chart": epoch_chart(curves, "Conflicting pairs in percent", title),
            }
        )
    weights = _by_epoch(_values(stored, name, "weight"))
    # Equal weights are no news.
    if len(weights) and not np.allclose(weights, 1.0):
        curves = {task: weights[task] for task in tasks if task in weights}
        panels.append(
            {
                "metric": "weights",
                "chart": epoch_chart(curves, "Weights of the tasks", title),
            }
        )
    return {"variant": title, "panels": panels}


def _values(stored: StoredStudy, name: str, quantity: str) -> pd.DataFrame:
    rows = stored.gradients
    return rows[(rows["variant"] == name) & (rows["quantity"] == quantity)]


def _by_epoch(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row an epoch and a column a task: means over seeds."""
    return rows.pivot_table(index="epoch", columns="task", values="value").dropna()


def _cosines(stored: StoredStudy, name: str, tasks: list[str]) -> np.ndarray:
    """Return the mean cosines over epochs and seeds; NaN where none is known."""
    place = {task: index for index, task in enumerate(tasks)}
    matrix = np.full((len(tasks), len(tasks)), np.nan)
    np.fill_diagonal(matrix, 1.0)
    means = _values(stored, name, "cosine").groupby(["task", "other"])["value"].mean()
    for (task, other), cosine in means.items():
        i, j = place[task], place[other]
        matrix[i, j] = matrix[j, i] = cosine
    return matrix


def _short(value: float) -> str:
    """Return a positive number with two significant digits."""
    if not (math.isfinite(value) and value > 0):
        return number(value, 2)
    return number(value, max(0, 1 - math.floor(math.log10(value))))
