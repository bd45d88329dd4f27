"""Δm of every variant, from the stored summary."""

import math
from typing import Any

from polytask.lab.reports.charts.delta_chart import DeltaRow, delta_chart
from polytask.lab.reports.numerals import decimals_for, p_value, percent
from polytask.lab.reports.stored_study import StoredStudy


def delta_rows(stored: StoredStudy) -> dict[str, DeltaRow]:
    """Return Δm by variant, in the order of the ranking."""
    rows = {}
    for name in stored.ranking:
        delta = stored.delta_m(name)
        rows[name] = DeltaRow(
            title=stored.title_of(name),
            mean=_number(delta.mean),
            low=_number(delta.low),
            high=_number(delta.high),
            per_seed=tuple(map(_number, delta.per_seed)),
            is_best=name == stored.best,
        )
    return rows


def delta_decimals(rows: list[DeltaRow]) -> int:
    """Return the decimals that the intervals justify, for all variants alike."""
    halves = [(row.high - row.low) / 2 for row in rows if row.has_interval]
    return min(max(decimals_for(halves, [row.mean for row in rows]), 1), 2)


def reasons(stored: StoredStudy) -> dict[str, str]:
    """Return why a variant has no Δm, by its title, where the summary tells."""
    return {
        stored.title_of(name): stored.delta_m(name).reason
        for name in stored.ranking
        if stored.delta_m(name).reason
    }


def delta_section(stored: StoredStudy) -> dict[str, Any] | None:
    """Return the contents of the section, None without a comparison."""
    rows = list(delta_rows(stored).values())
    if not any(math.isfinite(row.mean) for row in rows):
        return None
    return {
        "chart": delta_chart(
            rows, delta_decimals(rows), stored.against or "strongest single-task"
        ),
        "reasons": reasons(stored),
        "unit": stored.unit,
        "rows": _beside(stored, rows),
        "comparisons": stored.summary.comparisons,
        "has_interval": any(row.has_interval for row in rows),
        "has_open": any(row.covers_zero or not row.has_interval for row in rows),
    }


def _beside(stored: StoredStudy, rows: list[DeltaRow]) -> list[dict[str, Any]]:
    """Return what stands beside the mean: worst task, error and p-values."""
    decimals = delta_decimals(rows)
    deltas = {name: stored.delta_m(name) for name in stored.ranking}
    return [
        {
            "title": row.title,
            "is_best": row.is_best,
            "delta": row.text(decimals),
            "p": p_value(deltas[name].p_adjusted),
            "equivalence": p_value(deltas[name].p_equivalence),
            "worst": percent(deltas[name].worst, decimals, signed=True),
            "worst_task": deltas[name].worst_task,
            "error": percent(deltas[name].error_reduction, decimals, signed=True),
        }
        for name, row in zip(stored.ranking, rows, strict=True)
        if deltas[name].worst_task
    ]


def _number(value: float | None) -> float:
    return math.nan if value is None else value
