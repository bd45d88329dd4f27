"""A few named curves by epoch, in one panel."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from markupsafe import Markup

from polytask.lab.reports.charts import svg
from polytask.lab.reports.charts.learning_chart import (
    HEIGHT,
    WIDTH,
    epoch_marks,
    frame,
    points,
)
from polytask.lab.reports.charts.scale import Scale
from polytask.lab.reports.numerals import number

_LABEL_ROOM = 62.0
_DISTANCE = 15.0
# So many curves can be told apart by color; more are drawn without names.
_NAMED = 6


def epoch_chart(
    curves: Mapping[str, pd.Series], what: str, variant: str, unit: str = "epoch"
) -> Markup:
    """Return the panel.

    Args:
        curves: Name → values by epoch. A single curve needs no name beside it.
        what: What the values are.
        variant: Title of the variant.
        unit: What goes from left to right.

    Returns:
        The drawing.
    """
    named = 1 < len(curves) <= _NAMED
    epochs = max(int(curve.index.max()) for curve in curves.values())
    values = [float(v) for curve in curves.values() for v in curve]
    parts, x, y = frame(values, epochs, _LABEL_ROOM if named else 16.0, unit)
    for place, curve in enumerate(curves.values()):
        style = f"curve line-{place}" if len(curves) <= _NAMED else "curve crowd"
        parts.append(svg.path(points(curve, x, y), style))
    if named:
        parts += _labels(curves, x, y, epochs)
    return svg.figure(
        *parts,
        width=WIDTH,
        height=HEIGHT,
        title=f"{what} by {unit}, {variant}",
        desc=_description(curves, unit),
        class_="chart panel",
        marks=epoch_marks(_told(curves), x, y, unit),
    )


def _told(curves: Mapping[str, pd.Series]) -> dict[int, list[tuple[str, float]]]:
    """Return epoch → names and values; of many curves, the lowest and the highest."""
    by_epoch: dict[int, list[tuple[str, float]]] = {}
    for name, curve in curves.items():
        for epoch, value in curve.items():
            by_epoch.setdefault(int(str(epoch)), []).append((name, float(value)))
    return {
        epoch: told if len(told) <= _NAMED else _ends(told)
        for epoch, told in sorted(by_epoch.items())
    }


def _ends(told: list[tuple[str, float]]) -> list[tuple[str, float]]:
    ordered = sorted(told, key=lambda one: one[1])
    return [ordered[-1], ordered[0]]


def _labels(
    curves: Mapping[str, pd.Series], x: Scale, y: Scale, epochs: int
) -> list[Markup]:
    """Return the names at the ends of the curves, moved apart where they touch."""
    ends = sorted(
        (y(float(curve.iloc[-1])), place, name)
        for place, (name, curve) in enumerate(curves.items())
    )
    heights = np.array([end[0] for end in ends])
    for k in range(1, len(heights)):
        heights[k] = max(heights[k], heights[k - 1] + _DISTANCE)
    # What was pushed down beyond the axis moves up again, all together.
    heights -= max(0.0, heights[-1] - (HEIGHT - 30.0))
    return [
        svg.label(
            name,
            x(epochs) + 5,
            float(height) + 4,
            room=_LABEL_ROOM - 6,
            size=12,
            class_=f"end name-{place}",
        )
        for height, (_, place, name) in zip(heights, ends, strict=True)
    ]


def _description(curves: Mapping[str, pd.Series], unit: str) -> str:
    return "; ".join(
        f"{name} goes from {number(float(curve.iloc[0]), 2)} in {unit} "
        f"{curve.index[0]} to {number(float(curve.iloc[-1]), 2)} in {unit} "
        f"{curve.index[-1]}"
        for name, curve in curves.items()
    )
