"""The page of a regularization path: what a network keeps at each strength."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from polytask.errors import UserError, plural
from polytask.lab.reports.charts.path_chart import (
    LARGE,
    PANEL,
    Axis,
    Curve,
    path_chart,
)
from polytask.lab.reports.numerals import number, percent
from polytask.lab.reports.settings_section import settings_section
from polytask.lab.reports.stored_study import ReportedTask, StoredStudy
from polytask.lab.reports.write_page import write_page
from polytask.lab.studies.schema import (
    MULTI_TASK,
    Record,
    Run,
    read_stored,
    record_file,
)

# So many columns get a name and a color in the picture.
_NAMED = 6
# Rows of the table.
_ROWS = 9


def write_path_report(folder: str | Path) -> Path:
    """Write `report.html` from the stored runs of a path; trains nothing.

    Args:
        folder: As `polytask path` writes it.

    Returns:
        The path of the page.

    Raises:
        UserError: If the folder or one of its files is missing or damaged, or no
            strength is finished.

    Example:
        >>> write_path_report("runs/nothing-here")
        Traceback (most recent call last):
            ...
        polytask.errors.UserError: There is no study folder runs/nothing-here.
    """
    stored = StoredStudy.read(folder)
    path = _Path(stored)
    return write_page(
        stored.folder,
        "path.html",
        title=f"{stored.title}: the path of {path.axis.name}",
        claim=path.claim(),
        details=path.details(),
        unfinished=path.unfinished(),
        columns=path.columns(),
        zeros=path.zeros(),
        tasks=[path.task(task) for task in stored.tasks],
        header=[(task.name, task.primary) for task in stored.tasks],
        rows=path.rows(),
        knob=path.axis.name,
        repeats=plural(len(stored.seeds), "repeat"),
        settings=settings_section(stored),
    )


class _Path:
    """The finished strengths of a stored path.

    Args:
        stored: The folder's contents.
    """

    def __init__(self, stored: StoredStudy) -> None:
        self.stored = stored
        #: Strength → records of its finished repeats, by rising strength.
        self.records: dict[float, list[Record]] = {}
        knob = str(stored.study.settings["knob"])
        for name, variant in stored.variants.items():
            files = (
                record_file(stored.folder, Run(MULTI_TASK, name, seed))
                for seed in stored.seeds
            )
            finished = [read_stored(file, Record) for file in files if file.exists()]
            if finished:
                self.records[float(variant.settings.get(knob, 0.0))] = finished
        if len(self.records) < 2:
            raise UserError(
                f"{stored.folder} holds fewer than two finished strengths; the command "
                "that began it continues."
            )
        criteria = {
            strength: _mean([_number(r.criterion) for r in records])
            for strength, records in self.records.items()
        }
        log = bool(stored.study.settings["log"])
        # A strength without a criterion comes last.
        chosen = min(criteria, key=lambda s: (math.isnan(criteria[s]), criteria[s]))
        self.axis = Axis(knob, list(self.records), log, chosen)

    def claim(self) -> str:
        """Return the answer in one sentence."""
        records = self.records[self.axis.marked]
        share = percent(_mean([100 * _share(r) for r in records]), 0)
        read = [_read(record) for record in records]
        columns = ""
        if all(total for _, total in read):
            kept = number(_mean([kept for kept, _ in read]), 0)
            columns = f", and the first layer reads {kept} of {read[0][1]} columns"
        return (
            f"At {self.axis.name} = {self.axis.marked:.2g}, the strength with the "
            f"smallest mean validation criterion, {share} of the weights are exactly "
            f"zero{columns}."
        )

    def details(self) -> list[str]:
        """Return what test rows say of that strength."""
        low, chosen = self.axis.values[0], self.axis.marked
        if chosen == low:
            return ["It is the smallest strength: the penalty did not help here."]
        parts = []
        for task in self.stored.tasks:
            ours, weak = (
                _mean(_values(self.records[strength], task, "test"))
                for strength in (chosen, low)
            )
            parts.append(
                f"{task.name} {task.primary.label} {number(ours, 4)} "
                f"(at {low:.2g}: {number(weak, 4)})"
            )
        return [f"Test rows, looked at once by each network: {'; '.join(parts)}."]

    def unfinished(self) -> str:
        """Return a sentence on networks that are missing, empty if none is."""
        planned = len(self.stored.variants) * len(self.stored.seeds)
        finished = sum(map(len, self.records.values()))
        if finished == planned:
            return ""
        return (
            f"This path is not finished: {finished} of {planned} networks are in; the "
            "same command continues."
        )

    def columns(self) -> Any:
        """Return the picture of the columns' weights, None where none is stored."""
        norms = [
            {name: _mean([r.extra["columns"][name] for r in records]) for name in names}
            for records in self.records.values()
            for names in (records[0].extra.get("columns", {}),)
        ]
        if not norms[0]:
            return None
        curves = {name: np.array([each[name] for each in norms]) for name in norms[0]}
        # Those that stay longest are the ones to name.
        order = sorted(
            curves, key=lambda n: (np.count_nonzero(curves[n]), curves[n][0])
        )
        named = order[::-1][:_NAMED]
        drawn = [Curve("", curves[name]) for name in order if name not in named]
        drawn += [
            Curve(name, curves[name], style=f"line-{place}")
            for place, name in enumerate(named)
        ]
        # What a curve reaches is 0; without it on the axis, any floor looks like it.
        what = "Norm of each column's weights in the first layer"
        return path_chart(self.axis, drawn, what, LARGE, holds=(0.0,))

    def zeros(self) -> Any:
        """Return the picture of the shares of zeros and of columns that are read."""
        shares = [[100 * _share(r) for r in rs] for rs in self.records.values()]
        curves = [_banded("zero weights", shares, "line-0")]
        read = [[_read(record) for record in rs] for rs in self.records.values()]
        if read[0][0][1]:
            kept = [[100 * k / total for k, total in each] for each in read]
            curves.append(_banded("columns read", kept, "line-1"))
        return path_chart(self.axis, curves, "Percent", LARGE)

    def task(self, task: ReportedTask) -> dict[str, Any]:
        """Return the panel of a task's primary metric."""
        curves = []
        for split, style in (("train", "mean train"), ("test", "line-0")):
            values = [_values(each, task, split) for each in self.records.values()]
            curves.append(_banded(split, values, style))
        what = f"{task.primary.label} of {task.name}"
        return {
            "name": task.name,
            "metric": f"{task.primary.label} {task.primary.arrow}".strip(),
            "chart": path_chart(self.axis, curves, what, PANEL),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return a table of some strengths, the chosen one among them."""
        strengths = self.axis.values
        some = np.linspace(0, len(strengths) - 1, min(_ROWS, len(strengths)))
        shown = {strengths[round(place)] for place in some} | {self.axis.marked}
        rows = []
        for strength in sorted(shown):
            records = self.records[strength]
            read = [kept for kept, total in map(_read, records) if total]
            rows.append(
                {
                    "title": f"{strength:.2g}",
                    "is_best": strength == self.axis.marked,
                    "zeros": percent(_mean([100 * _share(r) for r in records]), 1),
                    "columns": number(_mean([float(k) for k in read]), 1),
                    "criterion": number(
                        _mean([_number(r.criterion) for r in records]), 4
                    ),
                    "metrics": [
                        number(_mean(_values(records, task, "test")), 4)
                        for task in self.stored.tasks
                    ],
                }
            )
        return rows


def _banded(name: str, values: list[list[float]], style: str) -> Curve:
    means = np.array([_mean(each) for each in values])
    if max(map(len, values)) < 2:
        return Curve(name, means, style=style)
    spread = [np.std(each, ddof=1) if len(each) > 1 else 0.0 for each in values]
    return Curve(name, means, np.array(spread), style)


def _values(records: list[Record], task: ReportedTask, split: str) -> list[float]:
    wanted = (task.name, split, task.primary.name)
    return [
        _number(value) for r in records for *key, value in r.scores if (*key,) == wanted
    ]


def _share(record: Record) -> float:
    return (record.zeros or 0) / record.weights if record.weights else 0.0


def _read(record: Record) -> tuple[int, int]:
    """Return how many columns the first layer reads, and how many there are."""
    norms = record.extra.get("columns", {})
    return sum(norm > 0 for norm in norms.values()), len(norms)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _number(value: float | None) -> float:
    return math.nan if value is None else value
