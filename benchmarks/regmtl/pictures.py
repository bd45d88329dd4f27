"""The pictures of the page: a heat map, and ranks with their critical difference."""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from across import Ranking
from analysis import Effect

from polytask.lab.reports.charts.scale import Scale
from polytask.lab.reports.charts.svg import element, figure

sys.path.append(str(Path(__file__).resolve().parents[1] / "regularizers"))
from chart import Series, chart

__all__ = ["Series", "chart", "critical_difference", "heat_map"]

INK, FAINT = "#374151", "#9ca3af"
# Blue for better and orange for worse, as colors that the color-blind tell apart.
BETTER, WORSE = (29, 78, 216), (180, 83, 9)
_CELL, _ROW, _LEFT, _TOP = 72.0, 26.0, 230.0, 96.0
MINUS = "\N{MINUS SIGN}"


def heat_map(
    title: str,
    arms: Sequence[str],
    data: Sequence[str],
    effects: Mapping[tuple[str, str], Effect],
    titles: Mapping[str, str],
    full: float = 5.0,
) -> str:
    """Return a map of arms × data sets as SVG.

    Args:
        title: Above it.
        arms: The rows.
        data: The columns.
        effects: (arm, data set) → effect.
        titles: Name of an arm → what to call it.
        full: Δm in percent of the darkest color.
    """
    width = _LEFT + _CELL * len(data) + 16
    height = _TOP + _ROW * len(arms) + 40
    parts = [element("rect", width=width, height=height, fill="white")]
    parts.append(caption(title, 16, 26, 15))
    said = "Δm in percent; bold: better or worse (Holm, 5 %); circle: the same (ROPE)"
    parts.append(caption(said, 16, 48, 12))
    for column, name in enumerate(data):
        x = _LEFT + _CELL * (column + 0.5)
        parts.append(caption(name, x, _TOP - 10, 12, "middle"))
    for row, arm in enumerate(arms):
        top = _TOP + _ROW * row
        parts.append(caption(titles[arm], _LEFT - 10, top + 18, 13, "end"))
        for column, name in enumerate(data):
            effect = effects.get((arm, name))
            if effect is not None:
                parts += _cell(effect, _LEFT + _CELL * column, top, full)
    described = "; ".join(
        f"{titles[arm]}, {name}: {effect.mean:+.1f} ({effect.verdict})"
        for (arm, name), effect in effects.items()
    )
    return saved(parts, width, height, title, described)


def _cell(effect: Effect, x: float, y: float, full: float) -> list[str]:
    share = min(abs(effect.mean) / full, 1.0)
    color = BETTER if effect.mean > 0 else WORSE
    # Half of the color at most, so that black is legible on it.
    mixed = [round(255 + (c - 255) * 0.55 * share) for c in color]
    decided = effect.verdict in ("better", "worse")
    fill = "rgb({}, {}, {})".format(*mixed)
    said = f"{effect.mean:+.1f}".replace("-", MINUS)
    parts = tile((x, y, _CELL, _ROW), fill, said, 13, decided, "#111827")
    if effect.verdict == "the same":
        circle = element(
            "circle",
            cx=x + _CELL - 14,
            cy=y + _ROW / 2,
            r=4,
            fill="none",
            stroke=INK,
            stroke_width=1.2,
        )
        parts.append(circle)
    return parts


def critical_difference(title: str, ranking: Ranking, titles: Mapping[str, str]) -> str:
    """Return mean ranks on a line, and bars over arms that are not told apart."""
    names = list(ranking.ranks)
    half = math.ceil(len(names) / 2)
    groups = ranking.groups()
    width, side = 900.0, 250.0
    line = 130.0 + 9 * len(groups)
    height = line + 34 + 22 * half
    scale = Scale(1.0, float(len(names)), side, width - side)
    parts = [element("rect", width=width, height=height, fill="white")]
    parts.append(caption(title, 16, 26, 15))
    p = ranking.p_value
    said = f"mean rank over {ranking.data} data sets, 1 is the best; Friedman: p "
    said += f"= {p:.3f}" if p >= 0.001 else "< 0.001"
    parts.append(caption(said, 16, 48, 12))
    end = min(scale.start + (scale(2.0) - scale(1.0)) * ranking.distance, width - 20)
    parts.append(_line(scale.start, 76, end, 76, INK, 2))
    distance = f"critical difference {ranking.distance:.1f}"
    parts.append(caption(distance, scale.start, 70, 12))
    for number, group in enumerate(groups):
        y = 108.0 + 9 * number
        ends = [scale(ranking.ranks[name]) for name in (group[0], group[-1])]
        parts.append(_line(ends[0] - 3, y, ends[1] + 3, y, "#1d4ed8", 4))
    parts.append(_line(scale.start, line, scale.end, line, INK, 1.5))
    for tick in range(1, len(names) + 1):
        x = scale(float(tick))
        parts.append(_line(x, line - 5, x, line, INK))
        parts.append(caption(str(tick), x, line - 9, 11, "middle"))
    for place, name in enumerate(names):
        left = place < half
        row = place if left else len(names) - 1 - place
        y = line + 28 + 22 * row
        x = scale(ranking.ranks[name])
        edge = side - 12 if left else width - side + 12
        label = f"{titles[name]} ({ranking.ranks[name]:.1f})"
        parts.append(_line(x, line, x, y - 4, FAINT))
        parts.append(_line(x, y - 4, edge, y - 4, FAINT))
        at = edge - 4 if left else edge + 4
        parts.append(caption(label, at, y, 12, "end" if left else None))
    described = "; ".join(f"{titles[n]}: {r:.1f}" for n, r in ranking.ranks.items())
    return saved(parts, width, height, title, described)


def saved(
    parts: Sequence[str], width: float, height: float, title: str, described: str
) -> str:
    text = figure(
        *parts, width=width, height=height, title=title, desc=described, class_="chart"
    )
    opening = '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" '
    return str(text).replace("<svg ", opening, 1) + "\n"


def tile(
    box: tuple[float, float, float, float],
    fill: str,
    said: str,
    size: float,
    bold: bool,
    ink: str = INK,
) -> list[str]:
    """Return a tile of a map, with what is said in its middle.

    Args:
        box: x, y, width and height of the cell, whose edge the tile leaves free.
        fill: Its color.
        said: A few characters.
        size: Of the font.
        bold: Whether these are.
        ink: Their color.
    """
    x, y, width, height = box
    return [
        element(
            "rect", x=x + 1, y=y + 1, width=width - 2, height=height - 2, fill=fill
        ),
        element(
            "text",
            said,
            x=x + width / 2,
            y=y + height / 2 + 5,
            font_size=size,
            font_weight="bold" if bold else None,
            fill=ink,
            text_anchor="middle",
        ),
    ]


def caption(
    text: str, x: float, y: float, size: float = 13, anchor: str | None = None
) -> str:
    return element("text", text, x=x, y=y, font_size=size, fill=INK, text_anchor=anchor)


def _line(
    x1: float, y1: float, x2: float, y2: float, color: str, width: float = 1
) -> str:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=color, stroke_width=width)
