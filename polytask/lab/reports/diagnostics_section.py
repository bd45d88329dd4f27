"""What a fitted model gets right and wrong, and which columns it needs."""

from collections.abc import Sequence
from typing import Any

from polytask.errors import UserError
from polytask.lab.reports.charts.bar import bar
from polytask.lab.reports.charts.pairs_chart import pairs_chart
from polytask.lab.reports.numerals import count, decimals_for, number, percent
from polytask.lab.reports.stored_study import ReportedTask, StoredStudy
from polytask.lab.studies.schema import read_stored
from polytask.lab.studies.stored_diagnostics import (
    DIAGNOSTICS_FILE,
    Diagnostics,
    TaskDiagnostics,
)

# Columns that are shown at once; the others are folded.
_OPEN_COLUMNS = 12


def stored_diagnostics(stored: StoredStudy) -> Diagnostics | None:
    """Return what is stored beside a fitted model; None of an older one.

    Raises:
        UserError: If the file is damaged, or of another model.
    """
    path = stored.folder / DIAGNOSTICS_FILE
    if not path.exists():
        return None
    content = read_stored(path, Diagnostics)
    classes = {task.name: len(task.classes) for task in stored.tasks}
    for one in content.tasks:
        size = len(one.confusion)
        wrong = size not in (0, classes.get(one.task)) or any(
            len(row) != size for row in one.confusion
        )
        if one.task not in classes or wrong:
            raise UserError(f"{path} is damaged: its task {one.task!r} is another.")
    return content


def diagnostics_section(stored: StoredStudy) -> dict[str, Any] | None:
    """Return a part for each task; None where nothing is stored."""
    content = stored_diagnostics(stored)
    if content is None:
        return None
    tasks = {task.name: task for task in stored.tasks}
    parts = [_task(tasks[one.task], one) for one in content.tasks]
    return {"split": content.split, "tasks": parts}


def _task(task: ReportedTask, found: TaskDiagnostics) -> dict[str, Any]:
    columns = _columns(found.importance)
    return {
        "name": task.name,
        "metric": task.primary.label,
        "classes": task.classes,
        "confusion": _confusion(task.classes, found.confusion),
        "chart": pairs_chart(found.pairs, task.name) if found.pairs else "",
        "shown": columns[:_OPEN_COLUMNS],
        "folded": columns[_OPEN_COLUMNS:],
    }


def _confusion(
    classes: Sequence[str], confusion: list[list[int]]
) -> list[dict[str, Any]]:
    """Return a row for each label: its cells, with the share that they are of it."""
    rows = []
    for place, (label, counts) in enumerate(zip(classes, confusion, strict=False)):
        total = sum(counts)
        shares = [n / total if total else 0.0 for n in counts]
        cells = [
            {
                "text": count(number_of_rows),
                "note": percent(100 * share, 0) if total else "",
                "is_right": column == place,
                "depth": round(100 * share),
            }
            for column, (number_of_rows, share) in enumerate(
                zip(counts, shares, strict=True)
            )
        ]
        rows.append({"label": label, "cells": cells})
    return rows


def _columns(importance: list[tuple[str, float]]) -> list[dict[str, Any]]:
    values = [value for _, value in importance]
    if not values:
        return []
    decimals = decimals_for([], [max(values, key=abs)])
    low, high = min([*values, 0.0]), max([*values, 0.0])
    return [
        {
            "name": name,
            "text": number(value, decimals, signed=True),
            "bar": bar(value, low, high),
        }
        for name, value in importance
    ]
