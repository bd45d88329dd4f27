"""The chart of Δm: a dot and an interval for each variant, sorted, zero line."""

import math
from dataclasses import dataclass

from markupsafe import Markup

from polytask.lab.reports.charts import svg
from polytask.lab.reports.charts.marks import Mark
from polytask.lab.reports.charts.scale import Scale
from polytask.lab.reports.numerals import MISSING, number, percent

_FONT = 13.0


@dataclass(frozen=True)
class DeltaRow:
    """Δm of one variant, in percent.

    Args:
        title: The variant, for readers.
        mean: Mean over seeds, NaN where there is none.
        low: Lower end of the 95 % interval, NaN for one seed.
        high: Upper end.
        per_seed: The seeds' own values.
        is_best: Whether this is the best variant.
    """

    title: str
    mean: float
    low: float
    high: float
    per_seed: tuple[float, ...] = ()
    is_best: bool = False

    @property
    def has_interval(self) -> bool:
        """Whether both ends are known."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def covers_zero(self) -> bool:
        """Whether the interval leaves the sign open."""
        return self.has_interval and self.low <= 0 <= self.high

    def interval_text(self, decimals: int) -> str:
        """Return `[low, high]`, empty without an interval."""
        if not self.has_interval:
            return ""
        low = number(self.low, decimals, signed=True)
        return f"[{low}, {number(self.high, decimals, signed=True)}]"

    def text(self, decimals: int) -> str:
        """Return the mean with its interval."""
        mean = percent(self.mean, decimals, signed=True)
        return f"{mean} {self.interval_text(decimals)}".strip()


@dataclass(frozen=True)
class _Layout:
    width: float
    left: float
    right: float
    row: float
    above: float
    stacked: bool


# Two drawings of the same data: on a phone the names go above the intervals, as
# one drawing scaled down would not be legible.
_LAYOUTS = {
    "wide": _Layout(940, left=250, right=195, row=34, above=42, stacked=False),
    "narrow": _Layout(360, left=8, right=8, row=66, above=44, stacked=True),
}


def delta_chart(rows: list[DeltaRow], decimals: int, zero: str) -> Markup:
    """Return the chart, once for wide and once for narrow pages.

    Args:
        rows: The variants, in the order to show.
        decimals: Decimals of the values beside the dots.
        zero: What the variants are compared with.

    Returns:
        Two SVG drawings, of which the style sheet shows one.
    """
    return Markup("\n").join(
        _drawing(rows, decimals, zero, name, layout)
        for name, layout in _LAYOUTS.items()
    )


def _drawing(
    rows: list[DeltaRow], decimals: int, zero: str, name: str, layout: _Layout
) -> Markup:
    ends = [v for r in rows for v in (r.mean, r.low, r.high, *r.per_seed)]
    scale = Scale.around([0.0, *ends], layout.left, layout.width - layout.right)
    bottom = layout.above + layout.row * len(rows)
    parts = _axis(scale, layout, bottom, zero)
    for index, row in enumerate(rows):
        top = layout.above + layout.row * index
        parts += _texts(row, top, layout, decimals)
        if math.isfinite(row.mean):
            middle = top + layout.row * (0.76 if layout.stacked else 0.5)
            parts += _marks(row, middle, scale)
    described = "; ".join(f"{row.title}: {row.text(decimals)}" for row in rows)
    return svg.figure(
        *parts,
        width=layout.width,
        height=bottom + 26,
        title="Δm of each variant with its 95% interval",
        desc=f"Percent against {zero}. {described}.",
        class_=f"chart {name}",
        marks=[
            Mark(
                0.0,
                layout.above + layout.row * index,
                layout.width,
                layout.row,
                _told(row, decimals),
                "row",
            )
            for index, row in enumerate(rows)
        ],
    )


def _told(row: DeltaRow, decimals: int) -> list[str]:
    """Return what a row tells: its values, each repeat's too."""
    each = [number(v, decimals, signed=True) for v in row.per_seed]
    lines = [row.title, f"Δm {row.text(decimals)}"]
    return [*lines, f"each: {', '.join(each)}"] if len(each) > 1 else lines


def _axis(scale: Scale, layout: _Layout, bottom: float, label: str) -> list[Markup]:
    about = 5 if layout.stacked else 7
    decimals = scale.tick_decimals(about)
    top = layout.above - 8
    parts = []
    for tick in scale.ticks(about):
        x = scale(tick)
        class_ = "zero" if tick == 0 else "grid"
        line = svg.element("line", x1=x, x2=x, y1=top, y2=bottom + 4, class_=class_)
        text = percent(tick, decimals, signed=True)
        anchor = _anchor(x, layout, room=20)
        parts += [line, svg.label(text, x, bottom + 20, class_="tick", anchor=anchor)]
    zero = scale(0.0)
    anchor = _anchor(zero, layout, room=95)
    at = {"start": 0.0, "middle": zero, "end": layout.width}[anchor]
    parts.append(svg.label(label, at, 14, room=190, class_="note", anchor=anchor))
    if layout.width - layout.right - zero > 60:
        parts.append(svg.label("better →", zero + 8, top - 6, class_="note"))
    if zero - layout.left > 60:
        parts.append(
            svg.label("← worse", zero - 8, top - 6, class_="note", anchor="end")
        )
    return parts


def _anchor(x: float, layout: _Layout, room: float) -> str:
    """Return how to anchor a text at `x` so that it stays inside the drawing."""
    if x < room:
        return "start"
    return "end" if layout.width - x < room else "middle"


def _texts(row: DeltaRow, top: float, layout: _Layout, decimals: int) -> list[Markup]:
    weight = " strong" if row.is_best else ""
    room = layout.width if layout.stacked else layout.left - 20
    lines = svg.wrapped(row.title, room, _FONT)
    if layout.stacked:
        # One line each for name, value and interval.
        lines = [svg.shortened(row.title, room, _FONT)]
        name_y, value_y, value_x, anchor = top + 14, top + 31, 0.0, "start"
    else:
        middle = top + layout.row / 2 + 4.5
        name_y, value_y = middle - 7.5 * (len(lines) - 1), middle
        value_x, anchor = layout.width, "end"
    spans = [
        svg.element("tspan", line, x=0, dy=0 if index == 0 else 15)
        for index, line in enumerate(lines)
    ]
    hint = [] if " ".join(lines) == row.title else [svg.element("title", row.title)]
    return [
        svg.element("text", *hint, *spans, x=0, y=name_y, class_=f"name{weight}"),
        svg.label(
            row.text(decimals),
            value_x,
            value_y,
            class_="value quiet" if row.text(decimals) == MISSING else f"value{weight}",
            anchor=anchor,
        ),
    ]


def _marks(row: DeltaRow, y: float, scale: Scale) -> list[Markup]:
    kind = "best" if row.is_best else "other"
    parts = []
    if row.has_interval:
        ends = {"x1": scale(row.low), "x2": scale(row.high)}
        parts.append(svg.element("line", **ends, y1=y, y2=y, class_=f"interval {kind}"))
    parts += [
        svg.element("circle", cx=scale(value), cy=y, r=1.6, class_=f"seed {kind}")
        for value in row.per_seed
        if math.isfinite(value)
    ]
    hollow = "" if row.has_interval and not row.covers_zero else " open"
    parts.append(
        svg.element(
            "circle", cx=scale(row.mean), cy=y, r=5.0, class_=f"dot {kind}{hollow}"
        )
    )
    return parts
