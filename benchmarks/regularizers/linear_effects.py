"""From the stored results of linear models to the figures of the page."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import results
from catalogue import Technique

from polytask.lab.metrics.repeats import repeat_interval

DATA = {"school": "School, linear", "parkinsons": "Parkinsons, linear"}


@dataclass(frozen=True)
class LinearEffect:
    """What a technique does on a data set, against least squares.

    Args:
        data: Name of the data set.
        ratio: Of the strength to the smallest that leaves nothing, the median.
        interval: Mean change of the error in percent, positive where better, and the
            ends of its corrected 95 % interval.
        gap: Test minus training error.
        plain_gap: The same without a penalty.
        zeros: Share of exact zeros.
        seconds: CPU time of a fit with its cross-validation.
    """

    data: str
    ratio: float
    interval: tuple[float, float, float]
    gap: float
    plain_gap: float
    zeros: float
    seconds: float

    @property
    def verdict(self) -> str:
        """Whether the interval excludes zero."""
        _, low, high = self.interval
        return "better" if low > 0 else "worse" if high < 0 else "open"


def linear_effects(technique: Technique) -> list[LinearEffect]:
    """Return the effects of a technique on the data sets it was measured on."""
    found = []
    for data in DATA:
        stored = results.read(data)
        row = stored["rows"].get(technique.name)
        if row is not None and "failed" not in row[0]:
            share = stored["about"]["share"]
            found.append(_effect(data, row, stored["rows"]["none"], 1 / share - 1))
    return found


def _effect(
    data: str,
    row: list[dict[str, Any]],
    plain: list[dict[str, Any]],
    test_ratio: float,
) -> LinearEffect:
    gains = [
        100 * (b["error"] - a["error"]) / b["error"]
        for a, b in zip(row, plain, strict=True)
    ]
    return LinearEffect(
        data,
        float(np.median([a["ratio"] for a in row])),
        tuple(repeat_interval(gains, test_ratio)),
        _mean(row, "error") - _mean(row, "training_error"),
        _mean(plain, "error") - _mean(plain, "training_error"),
        _mean(row, "zeros"),
        _mean(row, "seconds"),
    )


def _mean(rows: list[dict[str, Any]], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))
