"""A line chart as a self-contained SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from polytask.lab.reports.charts.scale import Scale
from polytask.lab.reports.charts.svg import element, figure

WIDTH, HEIGHT = 760.0, 380.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 24.0, 88.0, 52.0
COLORS = ("#1d4ed8", "#b45309", "#15803d", "#7e22ce", "#6b7280", "#be185d", "#0e7490")
INK, GRID = "#374151", "#e5e7eb"


@dataclass(frozen=True)
class Series:
    """One line.

    Args:
        name: In the legend.
        points: x, y, and the ends of y's interval (equal to y for none).
    """

    name: str
    points: Sequence[tuple[float, float, float, float]]


def chart(
    title: str,
    x_title: str,
    y_title: str,
    series: Sequence[Series],
    log_x: bool = False,
) -> str:
    """Return the SVG text.

    Args:
        title: Above the chart.
        x_title: Below the horizontal axis.
        y_title: Above the vertical axis.
        series: The lines; their intervals are drawn as bars.
        log_x: Whether x is shown by its logarithm; all x are positive then.
    """
    place = math.log10 if log_x else float
    points = [point for line in series for point in line.points]
    bottom = HEIGHT - BOTTOM
    xs = Scale.around([place(x) for x, *_ in points], LEFT, WIDTH - RIGHT, 0.03)
    ys = Scale.around([v for _, *values in points for v in values], bottom, TOP)
    parts = [
        element("rect", width=WIDTH, height=HEIGHT, fill="white"),
        _text(title, 16, 24, size=15),
        _text(y_title, 16, TOP - 10, size=12),
        _text(x_title, (LEFT + WIDTH) / 2, HEIGHT - 12, size=12, anchor="middle"),
    ]
    decimals = ys.tick_decimals()
    for tick in ys.ticks():
        y = ys(tick)
        parts.append(_line(LEFT, y, WIDTH - RIGHT, y, GRID))
        parts.append(_text(f"{tick:.{decimals}f}", LEFT - 8, y + 4, 12, "end"))
    for at, shown in _x_ticks(xs, log_x):
        parts.append(_line(xs(at), bottom, xs(at), bottom + 5, INK))
        parts.append(_text(shown, xs(at), bottom + 20, 12, "middle"))
    at = 16.0
    for color, line in zip(COLORS, series, strict=False):
        parts.append(_line(at, 46, at + 16, 46, color, 3))
        parts.append(_text(line.name, at + 22, 50, size=12))
        at += 7 * len(line.name) + 40
        places = [(xs(place(x)), ys(y)) for x, y, *_ in line.points]
        steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(
            element("polyline", points=steps, fill="none", stroke=color, stroke_width=2)
        )
        for (x, y), (_, _, low, high) in zip(places, line.points, strict=True):
            if low < high:
                parts.append(_line(x, ys(low), x, ys(high), color, 1.5))
                parts.append(element("circle", cx=x, cy=y, r=3.5, fill=color))
    text = figure(
        *parts, width=WIDTH, height=HEIGHT, title=title, desc=y_title, class_="chart"
    )
    # A file of its own needs the namespace, and a font that a page would give.
    opening = '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" '
    return str(text).replace("<svg ", opening, 1) + "\n"


def _x_ticks(xs: Scale, log_x: bool) -> list[tuple[float, str]]:
    if not log_x:
        decimals = xs.tick_decimals(8)
        return [(tick, f"{tick:.{decimals}f}") for tick in xs.ticks(8)]
    powers = range(math.ceil(xs.low), math.floor(xs.high) + 1)
    return [(power, f"{10.0**power:g}") for power in powers]


def _text(
    text: str, x: float, y: float, size: float = 13, anchor: str | None = None
) -> str:
    return element("text", text, x=x, y=y, font_size=size, fill=INK, text_anchor=anchor)


def _line(
    x1: float, y1: float, x2: float, y2: float, color: str, width: float = 1
) -> str:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=color, stroke_width=width)
