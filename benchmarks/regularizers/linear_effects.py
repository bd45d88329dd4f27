"""From the stored results of linear models to the figures of the page."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import results

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
    """

    data: str
    ratio: float
    interval: tuple[float, float, float]
    gap: float
    plain_gap: float
    zeros: float

    @property
    def verdict(self) -> str:
        """Whether the interval excludes zero."""
        _, low, high = self.interval
        return "better" if low > 0 else "worse" if high < 0 else "open"


class LinearModels:
    """The stored results."""

    def __init__(self) -> None:
        self.stored = {data: results.read(data) for data in DATA}

    def of(self, name: str) -> list[LinearEffect]:
        """Return what is known of a technique, data set by data set."""
        effects = []
        for data, stored in self.stored.items():
            row = stored["rows"].get(name)
            if row is not None and "failed" not in row[0]:
                ratio = 1 / stored["about"]["share"] - 1
                effects.append(_effect(data, row, stored["rows"]["none"], ratio))
        return effects


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
    )


def _mean(rows: list[dict[str, Any]], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))
