"""The few pieces of SVG that the charts need; every text is escaped."""

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from polytask.lab.reports.charts.marks import Mark, marks_over

# Characters are about this wide, in units of the font size, in system fonts.
CHARACTER_WIDTH = 0.6


def element(tag: str, *children: str, **attributes: object) -> Markup:
    """Return one element.

    Args:
        tag: Its name.
        *children: Text (escaped) or `Markup` (kept).
        **attributes: Attribute values; `_` in a name becomes `-`, a trailing one
            is dropped (`class_`), None leaves the attribute out. Numbers keep two
            decimals.

    Returns:
        The element as safe markup.

    Example:
        >>> element("text", "a < b", x=1.0, class_="label")
        Markup('<text x="1" class="label">a &lt; b</text>')
    """
    parts = [
        f' {name.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for name, value in attributes.items()
        if value is not None
    ]
    inner = Markup("").join(escape(child) for child in children)
    # The attribute names come from this package, the values are escaped above.
    return Markup(f"<{tag}{''.join(parts)}>{inner}</{tag}>")


def figure(
    *children: str,
    width: float,
    height: float,
    title: str,
    desc: str,
    class_: str,
    marks: Sequence[Mark] = (),
) -> Markup:
    """Return an `<svg>` that scales with its box and tells what it shows.

    Args:
        *children: What is drawn.
        width: Width in user units.
        height: Height in user units.
        title: Its name for a screen reader.
        desc: What can be read off it, in words.
        class_: Classes for the style sheet.
        marks: Parts that tell their values.

    Returns:
        The drawing, with `role="img"`; with marks, in a box with them.
    """
    drawing = element(
        "svg",
        element("title", title),
        element("desc", desc),
        *children,
        viewBox=f"0 0 {_attribute(width)} {_attribute(height)}",
        class_=class_,
        role="img",
        aria_label=title,
    )
    if not marks:
        return drawing
    over = marks_over(marks, width, height, title, class_)
    # The box is as wide as the drawing, so it has the classes that say how wide.
    box = f"marked {class_.removeprefix('chart').strip()}".strip()
    return element("div", drawing, over, class_=box)


def label(
    text: str,
    x: float,
    y: float,
    *,
    room: float = math.inf,
    size: float = 13.0,
    class_: str | None = None,
    anchor: str | None = None,
) -> Markup:
    """Return a text that is shortened to its room, with the full text as a hint.

    Args:
        text: The text.
        x: Position of the anchor.
        y: Position of the baseline.
        room: Width that is free, in user units.
        size: Font size in user units.
        class_: Classes for the style sheet.
        anchor: `"start"` (default), `"middle"` or `"end"`.

    Returns:
        The `<text>` element.
    """
    shown = shortened(text, room, size)
    hint = [element("title", text)] if shown != text else []
    return element("text", shown, *hint, x=x, y=y, class_=class_, text_anchor=anchor)


def shortened(text: str, room: float, size: float) -> str:
    """Return `text`, cut with an ellipsis where it is wider than `room`.

    Example:
        >>> shortened("a rather long name", room=60, size=12)
        'a rathe…'
    """
    if not math.isfinite(room) or len(text) * CHARACTER_WIDTH * size <= room:
        return text
    fits = max(int(room / (CHARACTER_WIDTH * size)), 2)
    return text[: fits - 1].rstrip() + "…"


def wrapped(text: str, room: float, size: float) -> list[str]:
    """Return `text` in one or two lines of the width `room`, cut if it needs more.

    Example:
        >>> wrapped("Elastic net, dropout and batch normalization", 160, 13)
        ['Elastic net, dropout', 'and batch normaliza…']
    """
    fits = int(room / (CHARACTER_WIDTH * size))
    if len(text) <= fits:
        return [text]
    at = text.rfind(" ", 0, fits + 1)
    if at <= 0:
        return [shortened(text, room, size)]
    return [text[:at], shortened(text[at + 1 :], room, size)]


def path(points: list[tuple[float, float]], class_: str) -> Markup:
    """Return an open line through `points`."""
    steps = " ".join(f"{_attribute(x)},{_attribute(y)}" for x, y in points)
    return element("polyline", points=steps, class_=class_)


def _attribute(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(escape(value))
