"""The synthetic ground truth: a map of the structures that win, the true ones above."""

import pandas as pd
from page_tables import markdown
from pictures import MINUS, caption, saved, tile
from truth import POOLED, TRUTH, true_structure

from polytask.lab.reports.charts.svg import element

#: Structure → what to call it, its letter in the map and its color.
NAMES = {
    "l2": ("ridge for each task", "R", "#d1d5db"),
    POOLED: ("one ridge for all", "P", "#fcd34d"),
    "mean_regularized": ("heads near their mean", "M", "#fdba74"),
    "l21": ("L2,1", "S", "#86efac"),
    "trace_norm": ("trace norm", "T", "#93c5fd"),
}
_CELL, _ROW, _LEFT, _TOP, _GAP = 46.0, 34.0, 96.0, 150.0, 26.0


def winners(truth: pd.DataFrame) -> pd.DataFrame:
    """Return a row per cell: the winner, its gain and how far it is from the truth.

    Args:
        truth: The table of `truth.py`.

    Returns:
        `correlation`, `labels`, `noise`, `winner`, `gain` in percent over a ridge for
        each task, `short` in percent above the ridge that knows the truth, and `sure`:
        whether the winner is two standard errors ahead of each other structure.
    """
    rows = []
    for cell, own in truth.groupby(["noise", "labels", "correlation"]):
        found = own.set_index("structure")
        tried = found.loc[list(NAMES)]
        winner = tried["error"].idxmin()
        best = tried.loc[winner]
        ahead = tried["error"] - best["error"]
        doubt = 2 * (tried["sem"] ** 2 + best["sem"] ** 2) ** 0.5
        noise, labels, correlation = cell
        rows.append(
            {
                "noise": noise,
                "labels": labels,
                "correlation": correlation,
                "winner": winner,
                "gain": 100 * (1 - best["error"] / tried.loc["l2", "error"]),
                "short": 100 * (best["error"] / found.loc[TRUTH, "error"] - 1),
                "sure": bool((ahead > doubt).drop(winner).all()),
            }
        )
    return pd.DataFrame(rows)


def picture(truth: pd.DataFrame) -> str:
    """Return the map as SVG: a panel for each noise, correlation × labels in it."""
    cells = winners(truth)
    correlations = sorted(cells["correlation"].unique())
    labels = sorted(cells["labels"].unique())
    noises = sorted(cells["noise"].unique())
    panel = _CELL * len(correlations) + _GAP
    width = _LEFT + panel * len(noises)
    height = _TOP + _ROW * len(labels) + 48
    title = "Which structure wins, and which is true"
    parts = [element("rect", width=width, height=height, fill="white")]
    parts.append(caption(title, 16, 26, 15))
    said = "number: percent less excess error than a ridge for each task"
    parts.append(caption(f"{said}; bold letter: two standard errors ahead", 16, 46, 12))
    x = 16.0
    for name, letter, color in NAMES.values():
        parts.append(element("rect", x=x, y=58, width=18, height=18, fill=color))
        parts.append(caption(letter, x + 9, 72, 12, "middle"))
        parts.append(caption(name, x + 24, 72, 12))
        x += 60 + 6.4 * len(name)
    parts.append(caption("true", _LEFT - 10, _TOP - 24, 12, "end"))
    for row, number in enumerate(labels):
        y = _TOP + _ROW * row + 22
        parts.append(caption(f"{number} labels", _LEFT - 10, y, 12, "end"))
    for place, noise in enumerate(noises):
        left = _LEFT + panel * place
        named = f"noise {noise:.2g} of the signal"
        middle = left + _CELL * len(correlations) / 2
        parts.append(caption(named, middle, _TOP - 54, 13, "middle"))
        own = cells[cells["noise"] == noise].set_index(["labels", "correlation"])
        for column, correlation in enumerate(correlations):
            x = left + _CELL * column
            true = true_structure(correlation)
            parts += _tile(x, _TOP - 42, 24, true, NAMES[true][1], bold=True)
            for row, number in enumerate(labels):
                one = own.loc[number, correlation]
                said = f"{NAMES[one['winner']][1]} {one['gain']:.0f}"
                y = _TOP + _ROW * row
                parts += _tile(x, y, _ROW, one["winner"], said, bool(one["sure"]))
            said = f"{correlation:.1f}".replace("-", MINUS)
            parts.append(caption(said, x + _CELL / 2, height - 28, 12, "middle"))
        parts.append(caption("correlation of tasks", middle, height - 8, 12, "middle"))
    described = "; ".join(
        f"noise {c.noise:.2g}, {c.labels} labels, correlation {c.correlation}: "
        f"{NAMES[c.winner][0]}"
        for c in cells.itertuples()
    )
    return saved(parts, width, height, title, described)


def _tile(
    x: float, y: float, height: float, structure: str, said: str, bold: bool
) -> list[str]:
    return tile((x, y, _CELL, height), NAMES[structure][2], said, 12, bold)


def table(truth: pd.DataFrame) -> str:
    """Return, for each noise and true structure, who wins how many cells."""
    cells = winners(truth)
    cells["true"] = cells["correlation"].map(true_structure)
    rows = []
    for name, (called, _, _) in NAMES.items():
        own = cells[cells["true"] == name]
        if own.empty:
            continue
        counts = own["winner"].value_counts()
        won = ", ".join(f"{NAMES[w][0]} {number}" for w, number in counts.items())
        rows.append(
            [
                called,
                str(len(own)),
                won,
                f"{(own['winner'] == name).sum()}",
                f"{own['gain'].median():.0f}",
                f"{own['short'].median():.0f}",
            ]
        )
    heads = ["true structure", "cells", "winners", "won by the true one"]
    heads += ["winner's gain over ridges, median %", "above the known prior, median %"]
    return markdown(heads, rows)
