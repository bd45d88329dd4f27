"""What the draws of tuning say: the validation criterion along one knob."""

import itertools
import json
import math
from collections.abc import Iterable, Sequence
from statistics import median

import numpy as np
import pandas as pd
from analysis import MULTI_TASK, Study
from pictures import Series

#: What is worse is drawn here: a picture shows where it is good.
HIGHEST = 2.0


def draws(study: Study, arm: str, knob: str) -> pd.DataFrame:
    """Return what an arm tried on all tasks: `knob`, `criterion`, `learning_rate`.

    Args:
        study: The study.
        arm: Name of the arm.
        knob: Name of the option; `"option.key"` for a key of a table.

    Returns:
        A row per draw; the criterion is divided by the smallest of the draws of "none".
    """
    tried = study.records.tuning
    of_all = tried[tried["model"] == MULTI_TASK]
    plain = of_all.loc[of_all["variant"] == "none", "criterion"].min()
    own = of_all[of_all["variant"] == arm]
    values = [json.loads(text) for text in own["values"]]
    return pd.DataFrame(
        {
            "knob": [_at(value, knob) for value in values],
            "learning_rate": [value["learning_rate"] for value in values],
            "criterion": own["criterion"].to_numpy() / plain,
        }
    ).dropna()


def _at(values: dict[str, object], name: str) -> float:
    value: object = values
    for key in name.split("."):
        value = value[key]  # type: ignore[index]
    return float(value)  # type: ignore[arg-type]


def along(
    studies: Iterable[Study], arm: str, knob: str, edges: Sequence[float], name: str
) -> Series:
    """Return the criterion by range of a knob: the median data set, and all of them.

    In each range, a data set counts by the best of its draws there. Ranges in which
    fewer than three data sets have draws are left out.

    Args:
        studies: The data sets.
        arm: Name of the arm.
        knob: As of `draws`.
        edges: Of the ranges, in growing order, all positive for powers of ten.
        name: Of the line.
    """
    lines = [by_range(study, arm, knob, edges) for study in studies]
    points = []
    for middle in sorted({middle for line in lines for middle in line}):
        found = [line[middle] for line in lines if middle in line]
        if len(found) >= 3:
            points.append((middle, median(found), min(found), max(found)))
    return Series(name, points)


def apart(lines: Sequence[Series], log: bool = False) -> list[Series]:
    """Return lines moved aside a little, so that their intervals can be told apart.

    Args:
        lines: With the same x.
        log: Whether x is drawn by its logarithm.
    """
    places = [x for line in lines for x, *_ in line.points]
    width = math.log(max(places) / min(places)) if log else max(places) - min(places)
    moved = []
    for number, line in enumerate(lines):
        step = 0.012 * width * (number - (len(lines) - 1) / 2)
        points = [
            (x * math.exp(step) if log else x + step, *rest) for x, *rest in line.points
        ]
        moved.append(Series(line.name, points))
    return moved


def by_range(
    study: Study, arm: str, knob: str, edges: Sequence[float]
) -> dict[float, float]:
    """Return middle of a range → the smallest criterion there, at most `HIGHEST`."""
    found = draws(study, arm, knob)
    line = {}
    for low, high in itertools.pairwise(edges):
        own = found[(found["knob"] >= low) & (found["knob"] < high)]
        if len(own):
            middle = math.sqrt(low * high) if edges[0] > 0 else (low + high) / 2
            line[middle] = min(float(own["criterion"].min()), HIGHEST)
    return line


def best_knob(study: Study, arm: str, knob: str) -> float:
    """Return the value of the draw that validation rows chose."""
    found = draws(study, arm, knob)
    return float(found.loc[found["criterion"].idxmin(), "knob"])


def powers(low: int, high: int) -> list[float]:
    """Return powers of ten from 10^low to 10^high."""
    return [10.0**power for power in np.arange(low, high + 1)]
