"""Predictions against labels: a dot a row, and the line where both agree."""

from collections.abc import Sequence

from markupsafe import Markup

from polytask.lab.reports.charts import svg
from polytask.lab.reports.charts.marks import point
from polytask.lab.reports.charts.scale import Scale
from polytask.lab.reports.numerals import number

_SIZE = 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 10.0, 10.0, 44.0


def pairs_chart(pairs: Sequence[tuple[float, float]], task: str) -> Markup:
    """Return the drawing; a dot tells its numbers to pointer and keyboard.

    Args:
        pairs: Label and prediction of each row.
        task: What is predicted.
    """
    values = [value for pair in pairs for value in pair]
    x = Scale.around(values, _LEFT, _SIZE - _RIGHT)
    y = Scale.around(values, _SIZE - _BOTTOM, _TOP)
    decimals = x.tick_decimals(4)
    floor, end = _SIZE - _BOTTOM, _SIZE - _RIGHT
    parts = []
    for tick in x.ticks(4):
        text, across, down = number(tick, decimals), x(tick), y(tick)
        parts += [
            svg.element("line", x1=_LEFT, x2=end, y1=down, y2=down, class_="grid"),
            svg.label(text, _LEFT - 6, down + 4, class_="tick", anchor="end"),
            svg.label(text, across, floor + 17, class_="tick", anchor="middle"),
        ]
    low, high = x.low, x.high
    parts.append(
        svg.element(
            "line", x1=x(low), y1=y(low), x2=x(high), y2=y(high), class_="axis agree"
        )
    )
    parts += [
        svg.element("circle", cx=x(label), cy=y(prediction), r=3.0, class_="pair")
        for label, prediction in pairs
    ]
    marks = [
        point(
            x(label),
            y(prediction),
            [
                f"label {number(label, decimals + 1)}",
                f"predicted {number(prediction, decimals + 1)}",
            ],
        )
        for label, prediction in sorted(pairs)
    ]
    middle = (_LEFT + end) / 2
    parts.append(svg.label("label", middle, _SIZE - 6, class_="tick", anchor="middle"))
    parts.append(svg.label("predicted", 2.0, 12.0, class_="tick"))
    return svg.figure(
        *parts,
        width=_SIZE,
        height=_SIZE,
        title=f"Predictions of {task} against its labels",
        desc=f"{len(pairs)} rows; on the diagonal both are equal.",
        class_="chart pairs",
        marks=marks,
    )
