"""The table of variants and tasks, and every other test metric."""

import math
from dataclasses import dataclass
from typing import Any

from polytask.lab.reports.delta_section import delta_decimals, delta_rows
from polytask.lab.reports.metric import Metric
from polytask.lab.reports.numerals import MISSING, decimals_for, number, percent
from polytask.lab.reports.seed_statistic import SeedStatistic
from polytask.lab.reports.stored_study import ReportedTask, StoredStudy
from polytask.lab.studies.schema import BASELINES, MULTI_TASK, SINGLE_TASK


@dataclass(frozen=True)
class Cell:
    """One value of a table, with a remark in small type below."""

    text: str
    note: str = ""
    is_best: bool = False


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    title: str
    cells: list[Cell]
    is_best: bool = False
    delta: str = ""


def results_section(stored: StoredStudy) -> dict[str, Any]:
    """Return the primary test metric of every variant and single-task baseline."""
    columns = [_column(stored, task) for task in stored.tasks]
    deltas = delta_rows(stored)
    decimals = delta_decimals(list(deltas.values()))
    variants = [
        Row(
            title=stored.title_of(name),
            cells=[column["multi"][name] for column in columns],
            is_best=name == stored.best,
            delta=percent(deltas[name].mean, decimals, signed=True),
        )
        for name in stored.ranking
    ]
    baselines = [
        Row(title=title, cells=[column[key] for column in columns])
        for key, title in (
            ("strongest", "Strongest, chosen on validation data"),
            ("plain", "Plain, without regularization"),
        )
        if any(column[key].text != MISSING for column in columns)
    ]
    return {
        "tasks": [
            {"name": task.name, "kind": task.kind, "metric": task.primary}
            for task in stored.tasks
        ],
        "has_delta": any(math.isfinite(row.mean) for row in deltas.values()),
        "variants": variants,
        "baselines": baselines,
        "models": _models(stored, columns),
        "others": [_all_metrics(stored, task) for task in stored.tasks],
    }


def _models(stored: StoredStudy, columns: list[dict[str, Any]]) -> list[Row]:
    """Return the primary test metric of single-task models that are no networks."""
    strongest = {t: r.variant for t, r in stored.summary.strongest_model.items()}
    rows = []
    for name in dict.fromkeys(model.name for model in stored.baselines):
        cells = []
        for task, column in zip(stored.tasks, columns, strict=True):
            value = stored.baseline_levels(task).get(name, math.nan)
            text = number(value, decimals_for([], [value]))
            won = strongest.get(task.name) == name
            note = "strongest on validation data" if won else ""
            cells.append(Cell(text, note, value == column["best"]))
        title = BASELINES[name]
        rows.append(Row(title=title[0].upper() + title[1:], cells=cells))
    return rows


def _column(stored: StoredStudy, task: ReportedTask) -> dict[str, Any]:
    metric = task.primary
    multi = {
        name: stored.statistic(MULTI_TASK, name, task.name, "test", metric.name)
        for name in stored.ranking
    }
    strongest = stored.summary.baseline.get(task.name)
    single = {
        name: stored.statistic(SINGLE_TASK, name, task.name, "test", metric.name)
        for name in stored.variants
    }
    nothing = SeedStatistic(math.nan, math.nan, 0, len(stored.seeds))
    rows = {
        "strongest": single.get(strongest.variant if strongest else "", nothing),
        "plain": single.get(stored.plain or "", nothing),
    }
    shown = [*multi.values(), *rows.values()]
    decimals = decimals_for([s.sd for s in shown], [s.mean for s in shown])
    others = stored.baseline_levels(task).values()
    best = _best([*(s.mean for s in shown), *others], metric)
    column: dict[str, Any] = {
        "best": best,
        "multi": {
            name: Cell(s.text(decimals), s.note, s.mean == best)
            for name, s in multi.items()
        },
    }
    for key, statistic in rows.items():
        notes = [statistic.note]
        if key == "strongest" and strongest:
            notes.insert(0, stored.title_of(strongest.variant))
        note = ", ".join(note for note in notes if note)
        column[key] = Cell(statistic.text(decimals), note, statistic.mean == best)
    return column


def _all_metrics(stored: StoredStudy, task: ReportedTask) -> dict[str, Any]:
    metrics = stored.metrics_of(task)
    by_metric = []
    for metric in metrics:
        values = {
            name: stored.statistic(MULTI_TASK, name, task.name, "test", metric.name)
            for name in stored.ranking
        }
        decimals = decimals_for(
            [s.sd for s in values.values()], [s.mean for s in values.values()]
        )
        best = _best([s.mean for s in values.values()], metric)
        by_metric.append(
            {
                n: Cell(s.text(decimals), s.note, s.mean == best)
                for n, s in values.items()
            }
        )
    rows = [
        Row(
            title=stored.title_of(name),
            cells=[column[name] for column in by_metric],
            is_best=name == stored.best,
        )
        for name in stored.ranking
    ]
    return {"task": task.name, "kind": task.kind, "metrics": metrics, "rows": rows}


def _best(values: list[float], metric: Metric) -> float:
    """Return the best finite value, NaN (equal to nothing) where there is none."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite or metric.higher_is_better is None:
        return math.nan
    return max(finite) if metric.higher_is_better else min(finite)
