"""Dates: year, month, day of the week and elapsed days, all standardized."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from polytask.lab.tables.date_values import column_date_format, date_values
from polytask.lab.tables.encoders.encoder import (
    Encoded,
    Encoder,
    FitOptions,
    missing_name,
)
from polytask.lab.tables.encoders.scaled import Scaled

DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class DateEncoder(Encoder):
    """Up to four standardized features; those that do not vary are left out.

    Args:
        name: The column.
        form: How its texts are written, see `polytask.lab.tables.date_values`.
        origin: The earliest training date (ISO 8601); elapsed days count from it.
        parts: Part of the date → what was learned of its numbers.
        indicator: Whether training rows had missing cells (and filled ones).

    Example:
        >>> days = pd.Series(["2026-01-01", "2026-01-03"])
        >>> DateEncoder.fit(days, "day", FitOptions()).features
        ('day.day_of_week', 'day.elapsed_days')
    """

    form: str
    origin: str
    parts: dict[str, Scaled]
    indicator: bool
    kind: ClassVar[str] = "date"

    @classmethod
    def fit(cls, series: pd.Series, name: str, options: FitOptions) -> "DateEncoder":
        """Learn the format, the origin and the scales from the training rows."""
        form = options.date_formats.get(name) or column_date_format(series, name)
        times = date_values(series, form, name)
        missing = times.isna().to_numpy()
        origin = times.min().isoformat() if not missing.all() else ""
        parts = {p: Scaled.fit(n) for p, n in _numbers(times, origin).items()}
        parts = {part: scaled for part, scaled in parts.items() if scaled.varies}
        return cls(name, form, origin, parts, bool(missing.any() and origin))

    @property
    def features(self) -> tuple[str, ...]:
        """`name.part` for each part, and the indicator's name."""
        names = tuple(f"{self.name}.{part}" for part in self.parts)
        return names + ((missing_name(self.name),) if self.indicator else ())

    def transform(self, series: pd.Series) -> Encoded:
        """Encode; missing cells get the median of each part."""
        times = date_values(series, self.form, self.name)
        missing = times.isna().to_numpy()
        numbers = _numbers(times, self.origin)
        columns = [scaled.transform(numbers[p]) for p, scaled in self.parts.items()]
        if self.indicator:
            columns.append(missing.astype(np.float32))
        rows = len(series)
        x = np.stack(columns, axis=1) if columns else np.zeros((rows, 0), np.float32)
        return Encoded(x, int(missing.sum()), 0)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "DateEncoder":
        """Return the encoder that `to_dict` described."""
        return cls(
            values["name"],
            values["form"],
            values["origin"],
            {part: Scaled(**scaled) for part, scaled in values["parts"].items()},
            values["indicator"],
        )


def _numbers(times: pd.Series, origin: str) -> dict[str, np.ndarray]:
    """Return the parts of the dates as float64, NaN where missing."""
    elapsed = (times - pd.Timestamp(origin)) / DAY if origin else times
    parts = {
        "year": times.dt.year,
        "month": times.dt.month,
        "day_of_week": times.dt.day_of_week,
        "elapsed_days": elapsed,
    }
    if not origin:
        return {part: np.full(len(times), np.nan) for part in parts}
    return {part: n.to_numpy(np.float64, na_value=np.nan) for part, n in parts.items()}
