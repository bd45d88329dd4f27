"""Dates as features: year, month, day of the week, hour, elapsed days."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from polytask.lab.tables.column import Column
from polytask.lab.tables.encoder import Encoder, FitOptions, missing_name, some_missing
from polytask.lab.tables.scaled import Scaled

DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class DateEncoder(Encoder):
    """Year, month, day of the week, hour, elapsed days.

    What does not vary is left out, such as the hour of dates without a time of day.

    Args:
        origin: The earliest training date (ISO 8601, UTC); elapsed days count from it.
        parts: Part of the date → what was learned of its numbers.
        indicator: Whether training rows had missing cells (and filled ones).
    """

    origin: str
    parts: dict[str, Scaled]
    indicator: bool
    kind: ClassVar[str] = "date"

    @classmethod
    def fit(cls, column: Column, options: FitOptions) -> "DateEncoder":
        """Learn the origin and the scales from the training rows."""
        column.check()
        times = pd.DatetimeIndex(column.values, tz="UTC")
        origin = "" if column.missing.all() else times.min().isoformat()
        parts = {p: Scaled.fit(n) for p, n in _parts(times, origin).items()}
        return cls(
            column.name,
            origin,
            {part: scaled for part, scaled in parts.items() if scaled.varies},
            some_missing(column),
            form=column.form,
        )

    def scaled_by(self, column: Column) -> "DateEncoder":
        """Return the encoder with origin and scales of other rows."""
        if column.missing.all():
            return self
        times = pd.DatetimeIndex(column.values, tz="UTC")
        origin = times.min().isoformat()
        numbers = _parts(times, origin)
        parts = {p: scaled.scaled_by(numbers[p]) for p, scaled in self.parts.items()}
        return replace(self, origin=origin, parts=parts)

    @property
    def features(self) -> tuple[str, ...]:
        """`name.part` for each part, and the indicator's name."""
        names = tuple(f"{self.name}.{part}" for part in self.parts)
        return names + ((missing_name(self.name),) if self.indicator else ())

    def write(self, column: Column, x: np.ndarray) -> int:
        """Encode; missing cells get the median of each part."""
        column.check()
        times = pd.DatetimeIndex(column.values, tz="UTC")
        numbers = _parts(times, self.origin)
        for place, (part, scaled) in enumerate(self.parts.items()):
            x[:, place] = scaled.transform(numbers[part])
        if self.indicator:
            x[:, -1] = column.missing
        return 0

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "DateEncoder":
        """Return the encoder that `to_dict` described."""
        parts = {part: Scaled(**scaled) for part, scaled in values["parts"].items()}
        return cls(
            values["name"],
            values["origin"],
            parts,
            values["indicator"],
            form=values["form"],
        )


def _parts(times: pd.DatetimeIndex, origin: str) -> dict[str, np.ndarray]:
    """Return the parts of the dates as float64, NaN where missing."""
    if not origin:
        return {}
    parts = {
        "year": times.year,
        "month": times.month,
        "day_of_week": times.day_of_week,
        "hour": times.hour + times.minute / 60,
        "elapsed_days": (times - pd.Timestamp(origin)) / DAY,
    }
    return {part: n.to_numpy(np.float64, na_value=np.nan) for part, n in parts.items()}
