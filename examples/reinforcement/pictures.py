"""Panels of curves as one picture that stands by itself."""

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


def panels(titled: Mapping[str, Mapping[str, pd.Series]], what: str) -> str:
    """Return panels side by side, two in a row.

    Args:
        titled: Title of a panel → name of a curve → values by update.
        what: What the values are.

    Returns:
        The text of an SVG with its style.
    """
    parts = []
    for place, (title, curves) in enumerate(titled.items()):
        x = (place % 2) * (WIDTH + _GAP)
        y = place // 2 * (HEIGHT + _TITLE + _GAP)
        chart = epoch_chart(curves, what, title, unit="update")
        parts.append(svg.label(title, x + 2, y + 15, class_="what"))
        size = f' x="{x:g}" y="{y + _TITLE:g}" width="{WIDTH:g}" height="{HEIGHT:g}"'
        parts.append(Markup(chart.replace("<svg", f"<svg{size}", 1)))
    rows, columns = -(-len(titled) // 2), min(len(titled), 2)
    width = columns * WIDTH + (columns - 1) * _GAP
    height = rows * (HEIGHT + _TITLE) + (rows - 1) * _GAP
    drawing = svg.figure(
        svg.element("style", Markup(_STYLE.read_text("utf-8"))),
        *parts,
        width=width,
        height=height,
        title=f"{what} by update",
        desc=f"Panels: {', '.join(titled)}.",
        class_="chart",
    )
    space = f'xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}"'
    return drawing.replace("<svg", f"<svg {space}", 1)


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
    """Return the cosine of each pair of tasks by update; absent tasks have none."""
    curves = {}
    for (i, first), (j, second) in combinations(enumerate(tasks), 2):
        values = [
            [None if np.isnan(c[i][j]) else c[i][j] for c in one["cosines"]]
            for one in found
        ]
        series = mean_curve(values, smooth=10)
        if len(series):
            curves[f"{first[:4]}, {second[:4]}"] = series
    return curves
