"""Points on two axes, with a line through some of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from polytask.lab.reports.charts import svg
from polytask.lab.reports.charts.marks import point as marked_point
from polytask.lab.reports.charts.scale import Scale
from polytask.lab.reports.numerals import number

_WIDTH, _HEIGHT = 420.0, 270.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 14.0, 28.0, 46.0


@dataclass(frozen=True)
class Point:
    """One point.

    Args:
        x: Horizontal.
        y: Vertical; not drawn where either is not finite.
        kind: `"best"`, `"other"` or `"open"`, for the style sheet.
        hint: What it is, said with its values where a pointer or the keyboard is.
    """

    x: float
    y: float
    kind: str = "other"
    hint: str = ""


@dataclass(frozen=True)
class Line:
    """A line with a style.

    Args:
        points: Where it bends.
        style: A class of the style sheet.
    """

    points: Sequence[tuple[float, float]]
    style: str = "line-0"


def point_chart(
    points: Sequence[Point],
    lines: Sequence[Line],
    across: str,
    up: str,
    title: str,
    whole: bool = False,
) -> Markup:
    """Return the chart. Points far above all others lie on its upper edge.

    Args:
        points: The points.
        lines: Lines below them.
        across: What the horizontal axis shows.
        up: What the vertical axis shows.
        title: Its name for a screen reader.
        whole: Whether the horizontal axis counts.

    Returns:
        The drawing.
    """
    shown = [p for p in points if math.isfinite(p.x) and math.isfinite(p.y)]
    x = _scale([p.x for p in shown], _LEFT, _WIDTH - _RIGHT)
    low = [b for line in lines for _, b in line.points if math.isfinite(b)]
    y = _scale([*(p.y for p in shown), *low], _HEIGHT - _BOTTOM, _TOP)
    parts = _axes(x, y, across, up, whole)
    for line in lines:
        finite = [(a, b) for a, b in line.points if math.isfinite(b)]
        places = [(x(min(a, x.high)), y(min(b, y.high))) for a, b in finite]
        parts.append(svg.path(places, f"curve {line.style}"))
    # The best ones on top.
    for point in sorted(shown, key=lambda p: p.kind == "best"):
        parts.append(
            svg.element(
                "circle",
                cx=x(min(point.x, x.high)),
                cy=y(min(point.y, y.high)),
                r=4.0 if point.kind == "best" else 3.0,
                class_=f"dot {'other open' if point.kind == 'open' else point.kind}",
            )
        )
    return svg.figure(
        *parts,
        width=_WIDTH,
        height=_HEIGHT,
        title=title,
        desc=f"{len(shown)} points. {across}: {_extent([p.x for p in shown])}; {up}: "
        f"{_extent([p.y for p in shown])}.",
        class_="chart points",
        marks=[
            marked_point(x(min(p.x, x.high)), y(min(p.y, y.high)), _told(p, across, up))
            for p in shown
            if p.hint
        ],
    )


def _told(point: Point, across: str, up: str) -> list[str]:
    values = [f"{up} {number(point.y, 4)}"]
    # What only counts is in the hint.
    if point.x != round(point.x):
        values.insert(0, f"{across} {number(point.x, 4)}")
    return [point.hint, *values]


def _scale(values: list[float], start: float, end: float) -> Scale:
    """Return an axis that a few points far above the others do not stretch."""
    if not values:
        return Scale.around([], start, end)
    ordered = sorted(values)
    low, upper = ordered[0], ordered[(3 * (len(ordered) - 1)) // 4]
    top = min(ordered[-1], upper + 1.5 * max(upper - low, abs(upper) * 0.02))
    return Scale.around([low, top], start, end)


def _axes(x: Scale, y: Scale, across: str, up: str, whole: bool) -> list[Markup]:
    floor, end = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    decimals = y.tick_decimals(5)
    for tick in y.ticks(5):
        at = y(tick)
        line = svg.element("line", x1=_LEFT, x2=end, y1=at, y2=at, class_="grid")
        text = number(tick, decimals)
        name = svg.label(text, _LEFT - 6, at + 4, class_="tick", anchor="end")
        parts += [line, name]
    decimals = 0 if whole else x.tick_decimals(5)
    for tick in x.ticks(5):
        if whole and (tick < 0 or tick != round(tick)):
            continue
        text = number(tick, decimals)
        name = svg.label(text, x(tick), floor + 17, class_="tick", anchor="middle")
        parts.append(name)
    parts.append(
        svg.element("line", x1=_LEFT, x2=end, y1=floor, y2=floor, class_="axis")
    )
    middle = (_LEFT + end) / 2
    parts.append(svg.label(across, middle, _HEIGHT - 8, class_="note", anchor="middle"))
    parts.append(svg.label(up, _LEFT, _TOP - 14, class_="note"))
    return parts


def _extent(values: list[float]) -> str:
    if not values:
        return "no values"
    return f"{number(min(values), 3)} to {number(max(values), 3)}"
