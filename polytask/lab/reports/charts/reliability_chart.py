"""A reliability diagram: what share came true, by predicted probability."""

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from polytask.lab.reports.charts import svg
from polytask.lab.reports.charts.marks import point
from polytask.lab.reports.charts.scale import Scale
from polytask.lab.reports.numerals import number, percent

WIDTH, HEIGHT = 260.0, 240.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 14.0, 12.0, 40.0
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def reliability_chart(curves: Mapping[str, pd.DataFrame], task: str) -> Markup:
    """Return the panel.

    Args:
        curves: Title of a variant → `predicted` and `observed` by bin.
        task: Name of the task.

    Returns:
        The drawing; on its diagonal all probabilities are as observed.
    """
    x = Scale(0.0, 1.0, _LEFT, WIDTH - _RIGHT)
    y = Scale(0.0, 1.0, HEIGHT - _BOTTOM, _TOP)
    parts, marks = _axes(x, y), []
    for place, (title, curve) in enumerate(curves.items()):
        points = [(x(p), y(o)) for p, o in _pairs(curve)]
        parts.append(svg.path(points, f"curve line-{place}"))
        parts += [
            svg.element("circle", cx=px, cy=py, r=2.6, class_=f"name-{place}")
            for px, py in points
        ]
        marks += [
            point(px, py, [title, f"predicted {told[0]}", f"observed {told[1]}"])
            for (px, py), told in zip(points, _percents(curve), strict=True)
        ]
    return svg.figure(
        *parts,
        width=WIDTH,
        height=HEIGHT,
        title=f"Predicted probability against what came true, task {task}",
        desc="; ".join(f"{title}: {_described(c)}" for title, c in curves.items()),
        class_="chart panel",
        marks=marks,
    )


def _pairs(curve: pd.DataFrame) -> list[tuple[float, float]]:
    pairs = zip(curve["predicted"], curve["observed"], strict=True)
    return [(float(predicted), float(observed)) for predicted, observed in pairs]


def _percents(curve: pd.DataFrame) -> list[tuple[str, str]]:
    return [(percent(100 * p, 1), percent(100 * o, 1)) for p, o in _pairs(curve)]


def _axes(x: Scale, y: Scale) -> list[Markup]:
    parts = []
    for tick in _TICKS:
        text = percent(100 * tick, 0)
        at = y(tick)
        parts += [
            svg.element("line", x1=x(0.0), x2=x(1.0), y1=at, y2=at, class_="grid"),
            svg.label(text, _LEFT - 6, at + 4, class_="tick", anchor="end"),
        ]
        if tick in (0.0, 0.5, 1.0):
            anchor = {0.0: "start", 1.0: "end"}.get(tick, "middle")
            parts.append(
                svg.label(text, x(tick), y(0.0) + 16, class_="tick", anchor=anchor)
            )
    ends = {"x1": x(0.0), "x2": x(1.0), "y1": y(0.0), "y2": y(1.0)}
    parts.append(svg.element("line", **ends, class_="zero"))
    middle = (x(0.0) + x(1.0)) / 2
    parts.append(
        svg.label("predicted", middle, HEIGHT - 8, class_="tick", anchor="middle")
    )
    return parts


def _described(curve: pd.DataFrame) -> str:
    return ", ".join(
        f"{number(predicted, 2)} predicted, {number(observed, 2)} observed"
        for predicted, observed in _pairs(curve)
    )
