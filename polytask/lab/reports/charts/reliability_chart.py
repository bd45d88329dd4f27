"""A reliability diagram: what share came true, by predicted probability."""

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from polytask.lab.reports.charts import svg
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
    parts = _axes(x, y)
    for place, curve in enumerate(curves.values()):
        pairs = curve[["predicted", "observed"]].itertuples(index=False, name=None)
        points = [(x(p), y(o)) for p, o in pairs]
        parts.append(svg.path(points, f"curve line-{place}"))
        parts += [
            svg.element("circle", cx=px, cy=py, r=2.6, class_=f"name-{place}")
            for px, py in points
        ]
    return svg.figure(
        *parts,
        width=WIDTH,
        height=HEIGHT,
        title=f"Predicted probability against what came true, task {task}",
        desc="; ".join(f"{title}: {_described(c)}" for title, c in curves.items()),
        class_="chart panel",
    )


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
            anchor = "end" if tick == 1.0 else "middle"
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
        for predicted, observed in zip(
            curve["predicted"], curve["observed"], strict=True
        )
    )
