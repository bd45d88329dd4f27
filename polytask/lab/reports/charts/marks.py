"""Parts of a drawing that tell their values, without a script.

A radio button lies over each part. What is beside it shows while the pointer or the
keyboard is there: the buttons of a drawing are one stop of the Tab key, and the arrow
keys go from part to part, as browsers do it with radio buttons.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

#: So many parts of a curve tell their values; of a longer one, some are left out.
MOST_COLUMNS = 40


@dataclass(frozen=True)
class Mark:
    """A rectangle of a drawing, in user units, and what it tells.

    Args:
        left: Its left edge.
        top: Its upper edge.
        width: How wide.
        height: How high.
        lines: What it tells; the first one names it.
        kind: `"column"`, `"row"` or `"point"`, for the style sheet.
    """

    left: float
    top: float
    width: float
    height: float
    lines: Sequence[str]
    kind: str = "column"


def point(x: float, y: float, lines: Sequence[str], radius: float = 6.0) -> Mark:
    """Return the mark of a point."""
    side = 2 * radius
    return Mark(x - radius, y - radius, side, side, lines, "point")


def columns(
    places: Sequence[tuple[float, Sequence[str]]], top: float, bottom: float
) -> list[Mark]:
    """Return marks side by side, each as wide as to the middle of the next.

    Args:
        places: Where each stands, rising, and what it tells.
        top: Upper edge of all.
        bottom: Lower edge of all.

    Example:
        >>> [(m.left, m.width) for m in columns([(10.0, "a"), (30.0, "b")], 0.0, 9.0)]
        [(0.0, 20.0), (20.0, 20.0)]
    """
    step = -(-len(places) // MOST_COLUMNS)
    # From the end, so that the last one is always there.
    some = list(places)[::-1][:: max(1, step)][::-1]
    at = [x for x, _ in some]
    if len(at) < 2:
        return [Mark(x - 10, top, 20.0, bottom - top, lines) for x, lines in some]
    edges = [
        at[0] - (at[1] - at[0]) / 2,
        *((a + b) / 2 for a, b in pairwise(at)),
        at[-1] + (at[-1] - at[-2]) / 2,
    ]
    return [
        Mark(start, top, end - start, bottom - top, lines)
        for (start, end), (_, lines) in zip(pairwise(edges), some, strict=True)
    ]


def marks_over(
    marks: Sequence[Mark], width: float, height: float, title: str, class_: str
) -> Markup:
    """Return what lies over a drawing.

    Args:
        marks: In the order in which the arrow keys go.
        width: Of the drawing, in user units.
        height: Of it.
        title: Its name.
        class_: Its classes, in which drawings of one name differ.
    """
    name = f"m{zlib.crc32(f'{class_} {title}'.encode('utf-8', 'replace')):x}"
    buttons = Markup("").join(_button(mark, name, width, height) for mark in marks)
    label = escape(f"Values of {title}")
    return Markup(
        f'<div class="marks" role="radiogroup" aria-label="{label}">{buttons}</div>'
    )


def _button(mark: Mark, name: str, width: float, height: float) -> Markup:
    """Return a radio button with its text in the corner that is farthest from it."""
    right = mark.left + mark.width / 2 < width / 2
    low = mark.kind != "column" and mark.top + mark.height / 2 < height / 2
    place = ";".join(
        f"{side}:{100 * value / whole:.4g}%"
        for side, value, whole in (
            ("left", mark.left, width),
            ("top", mark.top, height),
            ("width", mark.width, width),
            ("height", mark.height, height),
        )
    )
    corner = f"{'r' if right else 'l'} {'low' if low else 'high'}"
    # The lines are escaped, the rest comes from this package.
    return Markup(
        f'<label><input type="radio" name="{name}" class="{mark.kind}" '
        f'style="{place}"><span class="{corner}">{escape(chr(10).join(mark.lines))}'
        "</span></label>"
    )
