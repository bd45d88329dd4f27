"""From stored results to the figures of the page."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import results
from catalogue import Technique

from polytask.lab.metrics import delta_m, seed_interval

DATA = {
    "digits": "digits, network",
    "census": "Census, network",
    "school": "School, linear",
    "parkinsons": "Parkinsons, linear",
}


@dataclass(frozen=True)
class Effect:
    """What a technique does on a data set, against no regularization.

    Args:
        data: Name of the data set.
        strength: As chosen on validation data; "" without one.
        gain: Mean relative improvement of the test metrics, percent.
        low: End of its 95 % interval.
        high: Other end.
        gap: Distance from training to test metrics.
        plain_gap: The same without regularization.
        zeros: Share of exact zeros.
        seconds: CPU time of one training.
    """

    data: str
    strength: str
    gain: float
    low: float
    high: float
    gap: str
    plain_gap: str
    zeros: float
    seconds: float

    @property
    def verdict(self) -> str:
        """Whether the interval of the gain excludes zero."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no effect"


def effects(technique: Technique) -> list[Effect]:
    """Return the effects of a technique on the data sets it was measured on."""
    found = []
    for data in DATA:
        rows = results.read(data)["rows"]
        row = rows.get(technique.name)
        if row is None or (isinstance(row, list) and "failed" in row[0]):
            continue
        make = _of_networks if isinstance(row, dict) else _of_linear
        found.append(make(data, row, rows["none"]))
    return found


def _of_networks(data: str, row: dict[str, Any], plain: dict[str, Any]) -> Effect:
    runs, before = row["runs"], row.get("plain", plain["runs"])
    strength = row["strength"]
    return Effect(
        data,
        "" if strength is None else f"{strength:g}",
        *seed_interval(gains(runs, before)),
        gap=f"{_points(runs):.1f}",
        plain_gap=f"{_points(before):.1f}",
        zeros=_mean(runs, "zeros"),
        # The first seed compiles the step.
        seconds=float(np.median([run["seconds"] for run in runs])),
    )


def gains(runs: list[dict[str, Any]], plain: list[dict[str, Any]]) -> list[float]:
    """Return Δm of each run against the plain one with the same seed."""
    return [
        delta_m(a["test"], b["test"], dict.fromkeys(a["test"], True))
        for a, b in zip(runs, plain, strict=True)
    ]


def _points(runs: list[dict[str, Any]]) -> float:
    """Return training minus test metric, mean over tasks and seeds, in points."""
    return 100 * float(
        np.mean([run["train"][t] - run["test"][t] for run in runs for t in run["test"]])
    )


def _of_linear(
    data: str, row: list[dict[str, Any]], plain: list[dict[str, Any]]
) -> Effect:
    gains = [
        100 * (b["error"] - a["error"]) / b["error"]
        for a, b in zip(row, plain, strict=True)
    ]
    ratio = float(np.median([a["ratio"] for a in row]))

    def gap(rows: list[dict[str, Any]]) -> str:
        return f"{_mean(rows, 'error') - _mean(rows, 'training_error'):.2f}"

    return Effect(
        data,
        f"{ratio:.2g} λ_max",
        *seed_interval(gains),
        gap=gap(row),
        plain_gap=gap(plain),
        zeros=_mean(row, "zeros"),
        seconds=_mean(row, "seconds"),
    )


def _mean(rows: list[dict[str, Any]], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))
