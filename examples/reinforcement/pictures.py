"""Curves by update: as charts of a page, and as a picture that stands by itself."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup

import polytask.lab.reports
from polytask.lab.reports.charts import svg
from polytask.lab.reports.charts.epoch_chart import epoch_chart
from polytask.lab.reports.charts.learning_chart import HEIGHT, WIDTH

_GAP, _TITLE = 18.0, 22.0
_STYLE = Path(polytask.lab.reports.__file__).parent / "assets" / "style.css"

# On a page the body has it.
_FONT = "svg { font-family: system-ui, sans-serif; }"

Curves = Mapping[str, pd.Series]


def charts(titled: Mapping[str, Curves], what: str) -> dict[str, Markup]:
    """Return a chart for each title, of its curves by name."""
    return {
        title: epoch_chart(curves, what, title, unit="update")
        for title, curves in titled.items()
    }


def picture(panels: Mapping[str, Markup], what: str) -> str:
    """Return charts side by side, two in a row, as a file that needs no page.

    Args:
        panels: Title → chart.
        what: What the values are.

    Returns:
        The text of an SVG with its style.
    """
    parts = []
    for place, (title, chart) in enumerate(panels.items()):
        x = (place % 2) * (WIDTH + _GAP)
        y = place // 2 * (HEIGHT + _TITLE + _GAP)
        # Without what tells its values to a pointer, which only a page can hold.
        text = str(chart)
        drawing = text[text.index("<svg") : text.rindex("</svg>") + len("</svg>")]
        size = f' x="{x:g}" y="{y + _TITLE:g}" width="{WIDTH:g}" height="{HEIGHT:g}"'
        parts.append(svg.label(title, x + 2, y + 15, class_="what"))
        parts.append(Markup(drawing.replace("<svg", f"<svg{size}", 1)))
    rows, columns = -(-len(panels) // 2), min(len(panels), 2)
    width = columns * WIDTH + (columns - 1) * _GAP
    height = rows * (HEIGHT + _TITLE) + (rows - 1) * _GAP
    drawn = svg.figure(
        svg.element("style", Markup(_STYLE.read_text("utf-8") + _FONT)),
        *parts,
        width=width,
        height=height,
        title=f"{what} by update",
        desc=f"Panels: {', '.join(panels)}.",
        class_="chart",
    )
    space = f'xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}"'
    return str(drawn).replace("<svg", f"<svg {space}", 1)


def mean_curve(curves: Sequence[Sequence[float | None]], smooth: int = 5) -> pd.Series:
    """Return the mean over seeds by update, a running mean of some updates.

    A seed that ended keeps its last value; an update without one has the one before.

    Args:
        curves: By seed, values by update; None where there was none.
        smooth: Updates of the running mean.
    """
    table = pd.DataFrame([list(c) for c in curves], dtype="float64").T.ffill()
    series = table.mean(axis=1).rolling(smooth, min_periods=1).mean().dropna()
    series.index = series.index + 1
    return series


def learning_curves(
    records: Mapping[str, Sequence[Mapping]], singles: Sequence[Mapping], task: str
) -> dict[str, pd.Series]:
    """Return the returns of a task by update: alone, and in each arm with any."""
    alone = {"alone": mean_curve([one[task]["returns"][task] for one in singles])}
    together = {
        arm: mean_curve([one["returns"][task] for one in found])
        for arm, found in records.items()
    }
    return {name: curve for name, curve in {**alone, **together}.items() if len(curve)}


def conflict_curves(
    found: Sequence[Mapping], tasks: Sequence[str]
) -> dict[str, pd.Series]:
    """Return the cosine of each pair of tasks by update; absent tasks have none.

    Args:
        found: Records of an arm by seed.
        tasks: Names of the tasks, told apart by their first letters.
    """
    curves = {}
    for (i, first), (j, second) in combinations(enumerate(tasks), 2):
        values = [
            [None if np.isnan(c[i][j]) else c[i][j] for c in one["cosines"]]
            for one in found
        ]
        series = mean_curve(values, smooth=10)
        if len(series):
            curves[f"{first[0]} × {second[0]}"] = series
    return curves
