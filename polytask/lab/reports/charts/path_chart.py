"""Curves against the strength of a penalty, with bands over repeats."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from polytask.lab.reports.charts import svg
from polytask.lab.reports.charts.marks import Mark, columns
from polytask.lab.reports.charts.scale import Scale
from polytask.lab.reports.numerals import number

_TOP, _BOTTOM = 14.0, 42.0
_DISTANCE = 17.0
# Width that a legend needs at least.
_LEGEND = 60.0


@dataclass(frozen=True)
class Layout:
    """The size of a drawing.

    Args:
        width: In user units.
        height: In user units.
        left: Room for the vertical axis.
        right: Room for names.
        class_: Classes for the style sheet.
    """

    width: float
    height: float
    left: float = 46.0
    right: float = 14.0
    class_: str = "chart panel"


#: For a picture of its own: one drawing for wide pages and one for narrow ones.
LARGE = (
    Layout(940, 380, right=150, class_="chart wide"),
    Layout(360, 320, right=14, class_="chart narrow"),
)
PANEL = (Layout(300, 220),)


@dataclass(frozen=True)
class Curve:
    """Values by strength.

    Args:
        name: For readers; empty for one of many that need no name.
        means: Over repeats, one for each strength; NaN where there is none.
        spread: Their standard deviations, or None for no band.
        style: Class of the line, such as `"line-0"`.
    """

    name: str
    means: np.ndarray
    spread: np.ndarray | None = None
    style: str = "crowd"


@dataclass(frozen=True)
class Axis:
    """The strengths of a path.

    Args:
        name: Of the knob.
        values: Rising.
        log: Whether the axis is logarithmic.
        marked: The strength that validation rows chose.
    """

    name: str
    values: Sequence[float]
    log: bool
    marked: float

    def place(self, value: float) -> float:
        """Return where a strength stands on the axis, before scaling."""
        return math.log10(value) if self.log else value

    def ticks(self, scale: Scale, about: int) -> list[tuple[float, str]]:
        """Return positions and texts of round strengths."""
        if not self.log:
            decimals = scale.tick_decimals(about)
            return [(scale(t), number(t, decimals)) for t in scale.ticks(about)]
        powers = range(math.ceil(scale.low - 1e-9), math.floor(scale.high + 1e-9) + 1)
        if len(powers) < 2:
            # Less than two powers of ten: the ends tell the range.
            ends = (self.values[0], self.values[-1])
            return [(scale(self.place(end)), f"{end:.2g}") for end in ends]
        every = max(1, math.ceil(len(powers) / about))
        return [(scale(p), f"1e{p}" if p else "1") for p in list(powers)[::every]]


def path_chart(
    axis: Axis,
    curves: Sequence[Curve],
    what: str,
    layouts: Sequence[Layout],
    holds: Sequence[float] = (),
) -> Markup:
    """Return the drawings.

    Args:
        axis: The strengths.
        curves: What is drawn; the first ones lie below the others.
        what: What the values are.
        layouts: One drawing for each.
        holds: Values that the vertical axis has to hold as well.
    """
    return Markup("\n").join(
        _drawing(axis, curves, what, layout, holds) for layout in layouts
    )


def _drawing(
    axis: Axis,
    curves: Sequence[Curve],
    what: str,
    layout: Layout,
    holds: Sequence[float],
) -> Markup:
    places = [axis.place(value) for value in axis.values]
    x = Scale(places[0], places[-1], layout.left, layout.width - layout.right)
    values = [*holds, *(v for curve in curves for end in _ends(curve) for v in end)]
    y = Scale.around(values, layout.height - _BOTTOM, _TOP)
    parts = _axes(axis, x, y, layout)
    for curve in curves:
        parts += _curve(curve, places, x, y)
    parts += _legend(curves, layout)
    return svg.figure(
        *parts,
        width=layout.width,
        height=layout.height,
        title=f"{what} by {axis.name}",
        desc=_description(axis, curves),
        class_=layout.class_,
        marks=_marks(axis, curves, [x(place) for place in places], y, layout),
    )


def _marks(
    axis: Axis,
    curves: Sequence[Curve],
    places: list[float],
    y: Scale,
    layout: Layout,
) -> list[Mark]:
    """Return a mark for each strength: what the named curves have there."""
    decimals = y.tick_decimals(4) + 2
    told = []
    for i, (place, strength) in enumerate(zip(places, axis.values, strict=True)):
        lines = [f"{axis.name} {strength:.3g}"]
        for curve in curves:
            if curve.name:
                spread = "" if curve.spread is None else f" ± {curve.spread[i]:.2g}"
                mean = number(float(curve.means[i]), decimals)
                lines.append(f"{curve.name} {mean}{spread}")
        told.append((place, lines))
    return columns(told, _TOP, layout.height - _BOTTOM)


def _ends(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    spread = 0.0 if curve.spread is None else np.nan_to_num(curve.spread)
    return curve.means - spread, curve.means + spread


def _axes(axis: Axis, x: Scale, y: Scale, layout: Layout) -> list[Markup]:
    right, floor = layout.width - layout.right, layout.height - _BOTTOM
    parts = []
    decimals = y.tick_decimals(4)
    for tick in y.ticks(4):
        at = y(tick)
        parts += [
            svg.element("line", x1=layout.left, x2=right, y1=at, y2=at, class_="grid"),
            svg.label(
                number(tick, decimals),
                layout.left - 6,
                at + 4,
                class_="tick",
                anchor="end",
            ),
        ]
    parts.append(
        svg.element("line", x1=layout.left, x2=right, y1=floor, y2=floor, class_="axis")
    )
    about = max(3, int((right - layout.left) / 70))
    for at, text in axis.ticks(x, about):
        parts += [
            svg.element("line", x1=at, x2=at, y1=floor, y2=floor + 4, class_="axis"),
            svg.label(text, at, floor + 18, class_="tick", anchor="middle"),
        ]
    middle = (layout.left + right) / 2
    parts.append(
        svg.label(axis.name, middle, layout.height - 6, class_="tick", anchor="middle")
    )
    chosen = x(axis.place(axis.marked))
    parts.append(
        svg.element("line", x1=chosen, x2=chosen, y1=_TOP, y2=floor, class_="chosen")
    )
    return parts


def _curve(curve: Curve, places: list[float], x: Scale, y: Scale) -> list[Markup]:
    known = [i for i, value in enumerate(curve.means) if math.isfinite(value)]
    parts = []
    if curve.spread is not None:
        low, high = _ends(curve)
        upper = [f"{x(places[i]):.2f},{y(float(high[i])):.2f}" for i in known]
        lower = [f"{x(places[i]):.2f},{y(float(low[i])):.2f}" for i in reversed(known)]
        points = " ".join([*upper, *lower])
        parts.append(
            svg.element("polygon", points=points, class_=f"band {curve.style}")
        )
    points_of = [(x(places[i]), y(float(curve.means[i]))) for i in known]
    parts.append(svg.path(points_of, f"curve {curve.style}"))
    return parts


def _legend(curves: Sequence[Curve], layout: Layout) -> list[Markup]:
    """Return the names of the curves, each beside a piece of its line."""
    if layout.right < _LEGEND:
        return []
    left, parts = layout.width - layout.right + 10, []
    for place, curve in enumerate(curve for curve in curves if curve.name):
        height = _TOP + 6 + place * _DISTANCE
        sample = [(left, height), (left + 18, height)]
        parts += [
            svg.path(sample, f"curve {curve.style}"),
            svg.label(
                curve.name,
                left + 24,
                height + 4,
                room=layout.right - 36,
                size=12,
                class_=f"end {curve.style.replace('line', 'name')}",
            ),
        ]
    return parts


def _description(axis: Axis, curves: Sequence[Curve]) -> str:
    first, last = axis.values[0], axis.values[-1]
    named = [
        f"{curve.name} goes from {number(float(curve.means[0]), 3)} to "
        f"{number(float(curve.means[-1]), 3)}"
        for curve in curves
        if curve.name and len(curve.means)
    ]
    return f"From {first:.3g} to {last:.3g}: {'; '.join(named) or 'many curves'}."
