"""The cosines of the tasks' gradients as a heat map."""

import numpy as np
from markupsafe import Markup

from polytask.lab.reports.charts import svg
from polytask.lab.reports.charts.marks import Mark
from polytask.lab.reports.numerals import number

WIDTH, HEIGHT = 260.0, 196.0
_NAMES, _TOP = 84.0, 22.0
# Cells narrower than this have no room for a number, or not even for a name.
_ROOM_FOR_NUMBER, _ROOM_FOR_NAME = 30.0, 11.0


def cosine_matrix(cosines: np.ndarray, tasks: list[str], variant: str) -> Markup:
    """Return the heat map: warm where tasks conflict, blue where they agree.

    Args:
        cosines: (T, T) mean cosines; NaN where unknown.
        tasks: Names of the tasks.
        variant: Title of the variant.

    Returns:
        The drawing.
    """
    count = len(tasks)
    cell = min((WIDTH - _NAMES) / count, (HEIGHT - _TOP) / count)
    parts = []
    for i, task in enumerate(tasks):
        middle = _TOP + (i + 0.5) * cell + 4
        if cell >= _ROOM_FOR_NAME:
            text = f"{i + 1} {task}"
            room = _NAMES - 8
            parts.append(
                svg.label(
                    text,
                    _NAMES - 6,
                    middle,
                    room=room,
                    size=12,
                    class_="tick",
                    anchor="end",
                )
            )
            column = _NAMES + (i + 0.5) * cell
            parts.append(
                svg.label(str(i + 1), column, 14.0, class_="tick", anchor="middle")
            )
        for j, other in enumerate(tasks):
            parts += _cell(cosines[i, j], task, other, _NAMES + j * cell, i, cell)
    return svg.figure(
        *parts,
        width=WIDTH,
        height=HEIGHT,
        title=f"Cosines between the tasks' gradients, {variant}",
        desc=_description(cosines, tasks),
        class_="chart panel matrix",
        marks=[
            Mark(
                _NAMES + j * cell,
                _TOP + i * cell,
                cell,
                cell,
                [f"{task}, {other}", f"cosine {number(float(cosines[i, j]), 2)}"],
                "row",
            )
            for i, task in enumerate(tasks)
            for j, other in enumerate(tasks)
        ],
    )


def _cell(
    value: float, task: str, other: str, x: float, row: int, side: float
) -> list[Markup]:
    y = _TOP + row * side
    known = not np.isnan(value)
    hint = f"{task}, {other}: {number(float(value), 2)}"
    parts = [
        svg.element(
            "rect",
            svg.element("title", hint),
            x=x,
            y=y,
            width=max(side - 1.0, 0.5),
            height=max(side - 1.0, 0.5),
            class_=("conflict" if value < 0 else "agree") if known else "unknown",
            fill_opacity=round(abs(float(value)), 3) if known else None,
        )
    ]
    if side >= _ROOM_FOR_NUMBER:
        text = number(float(value), 2)
        middle = (x + side / 2, y + side / 2 + 4)
        strong = "on-dark" if known and abs(value) > 0.6 else "value"
        parts.append(svg.label(text, *middle, class_=strong, anchor="middle"))
    return parts


def _description(cosines: np.ndarray, tasks: list[str]) -> str:
    upper = [
        (float(cosines[i, j]), tasks[i], tasks[j])
        for i in range(len(tasks))
        for j in range(i + 1, len(tasks))
        if not np.isnan(cosines[i, j])
    ]
    if not upper:
        return "No pair of tasks had gradients in the same step."
    low, high = min(upper), max(upper)
    text = f"Lowest: {low[1]} and {low[2]}, {number(low[0], 2)}."
    if len(upper) > 1:
        text += f" Highest: {high[1]} and {high[2]}, {number(high[0], 2)}."
    return text
