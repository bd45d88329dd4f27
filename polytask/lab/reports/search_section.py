"""What a search tried, what won and what mattered."""

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from markupsafe import Markup

from polytask.errors import plural
from polytask.lab.reports.charts.bar import bar
from polytask.lab.reports.charts.point_chart import Line, Point, point_chart
from polytask.lab.reports.delta_section import delta_decimals, delta_rows
from polytask.lab.reports.numerals import MISSING, number, percent
from polytask.lab.reports.stored_study import StoredStudy
from polytask.lab.studies.search.result import Searched, SearchResult, StoredTrial
from polytask.lab.studies.search.space import label

# Pairs of tasks whose front is drawn.
_PANELS = 6


@dataclass(frozen=True)
class Importance:
    """How much an option explains of how trials differ."""

    text: str
    bar: Markup


def search_section(stored: StoredStudy, result: SearchResult) -> dict[str, Any]:
    """Return the contents of the page of a search.

    Args:
        stored: The winners' repeats.
        result: The trials.
    """
    found = result.searched[0]
    best = found.trials[found.best]
    trials = plural(len(found.trials), "trial")
    return {
        "claim": _claim(stored),
        "details": _details(result, trials),
        "best": number(best.criterion, 3),
        "trials": trials,
        "pareto": result.request["objective"] == "pareto" and bool(found.front),
        "options": _options(result),
        "subjects": [_subject(one) for one in result.searched],
        "progress": _progress(result),
        "fronts": _fronts(found, result.tasks),
        "front_rows": [_row(found.trials[n], result.tasks, found) for n in found.front],
        "tasks": result.tasks,
        "rows": [_row(trial, result.tasks, found) for trial in found.trials],
    }


def _claim(stored: StoredStudy) -> str:
    rows = delta_rows(stored)
    row = next(iter(rows.values()))
    if not math.isfinite(row.mean):
        return "has no comparison on test rows yet."
    decimals = delta_decimals([row])
    change = percent(abs(row.mean), decimals)
    way = "better" if row.mean >= 0 else "worse"
    interval = row.interval_text(decimals)
    sure = f" (95% interval {interval} percent)" if interval else ""
    doubt = " The interval covers 0: which is better stays open."
    return (
        f"is on average {change} {way} on test rows than the best networks for each "
        f"task alone, which had as many trials{sure}."
        + (doubt if row.covers_zero else "")
    )


def _details(result: SearchResult, trials: str) -> list[str]:
    found = result.searched[0]
    left = sum(trial.left for trial in found.trials)
    failed = sum(bool(trial.failure) for trial in found.trials)
    epochs = sum(trial.epochs for one in result.searched for trial in one.trials)
    sentences = [
        f"Of the {trials} for all tasks {left} were behind and ended early"
        + (f", {failed} failed" if failed else "")
        + f". All {len(result.searched)} searches together took {epochs:,} epochs."
    ]
    if len(result.searched) > 1:
        alone = [one.trials[one.best].criterion for one in result.searched[1:]]
        sentences.append(
            "Mean validation loss relative to the best constant: "
            f"{number(found.trials[found.best].criterion, 3)} with one network for all "
            f"tasks, {number(float(np.mean(alone)), 3)} with the best network of each."
        )
    return sentences


def _subject(found: Searched) -> str:
    return found.task or "all tasks"


def _options(result: SearchResult) -> list[dict[str, Any]]:
    """Return option by option the winners' values and what mattered."""
    names = dict.fromkeys(
        name for one in result.searched for name in one.trials[one.best].drawn
    )
    return [
        {
            "name": name,
            "tried": _tried(result.request["space"], name),
            "cells": [_option_cell(one, name) for one in result.searched],
        }
        for name in names
    ]


def _option_cell(found: Searched, name: str) -> dict[str, Any]:
    drawn = found.trials[found.best].drawn
    share = found.importances.get(name, math.nan)
    return {
        "value": _value(drawn[name]) if name in drawn else "",
        "importance": Importance(percent(100 * share, 0), bar(share, 0.0, 1.0))
        if name in found.importances
        else Importance("", Markup("")),
    }


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else label(value)


def _tried(space: dict[str, Any], name: str) -> str:
    """Return in words what was tried of a parameter."""
    first, _, rest = name.partition(".")
    domain = space[first]
    if isinstance(domain, dict) and "low" not in domain:
        domain = domain[rest]
    if isinstance(domain, list):
        return " | ".join(domain)
    scale = ", by its logarithm" if domain["log"] else ""
    return f"{domain['low']:g} to {domain['high']:g}{scale}"


def _progress(result: SearchResult) -> Markup:
    """Return the chart of trials over time."""
    found = result.searched[0]
    points = [
        Point(
            trial.number + 1,
            trial.criterion,
            _kind(trial, found),
            f"trial {trial.number}",
        )
        for trial in found.trials
    ]
    lines = [Line(_best_so_far([t.criterion for t in found.trials]))]
    if len(result.searched) > 1:
        alone = [
            np.fmin.accumulate([t.criterion for t in one.trials])
            for one in result.searched[1:]
        ]
        lines.append(Line(_steps(np.mean(alone, axis=0)), "line-1"))
    return point_chart(
        points,
        lines,
        "trial",
        "mean relative validation loss",
        "Trials over time, with the best so far",
        whole=True,
    )


def _kind(trial: StoredTrial, found: Searched) -> str:
    if trial.number == found.best:
        return "best"
    return "open" if trial.left else "other"


def _best_so_far(values: list[float]) -> list[tuple[float, float]]:
    return _steps(np.fmin.accumulate(values))


def _steps(values: np.ndarray) -> list[tuple[float, float]]:
    """Return where a staircase bends."""
    places: list[tuple[float, float]] = []
    for place, value in enumerate(values, start=1):
        if places:
            places.append((place, places[-1][1]))
        places.append((place, float(value)))
    return places


def _fronts(found: Searched, tasks: list[str]) -> list[Markup]:
    """Return a panel for each pair of tasks."""
    if len(tasks) < 2:
        return []
    panels = []
    front = set(found.front)
    for (i, first), (j, second) in list(combinations(enumerate(tasks), 2))[:_PANELS]:
        points = [
            Point(
                _number(trial.losses[i]),
                _number(trial.losses[j]),
                "best" if trial.number in front else "open" if trial.left else "other",
                f"trial {trial.number}",
            )
            for trial in found.trials
            if trial.losses
        ]
        lines = []
        if len(tasks) == 2:
            ordered = [found.trials[n].losses for n in found.front]
            lines = [Line([(_number(a), _number(b)) for a, b in ordered])]
        title = f"Validation losses of {first} and {second}"
        panels.append(point_chart(points, lines, first, second, title))
    return panels


def _row(trial: StoredTrial, tasks: list[str], found: Searched) -> dict[str, Any]:
    losses = trial.losses or [None] * len(tasks)
    how = "ended early" if trial.left else "failed" if trial.failure else ""
    return {
        "title": f"{trial.number}",
        "is_best": trial.number == found.best,
        "criterion": number(trial.criterion, 4),
        "losses": [number(loss, 4) if loss is not None else MISSING for loss in losses],
        "epochs": f"{trial.epochs}",
        "how": how,
        "drawn": ", ".join(f"{n} {_value(v)}" for n, v in trial.drawn.items()),
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else value
