"""Numbers: median for the missing, standardized, with a missing indicator."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from polytask.errors import UserError
from polytask.lab.tables.encoders.encoder import (
    Encoded,
    Encoder,
    FitOptions,
    missing_name,
)
from polytask.lab.tables.encoders.heavy_tail import HeavyTail
from polytask.lab.tables.encoders.scaled import Scaled
from polytask.lab.tables.values import number_values, row_name


@dataclass(frozen=True)
class NumericEncoder(Encoder):
    """A standardized feature; a logarithm and a missing indicator where they help.

    Args:
        name: The column.
        values: What was learned of its numbers.
        indicator: Whether training rows had missing cells (and filled ones).
        tail: What was learned of its logarithms; None without a heavy tail.

    Example:
        >>> ages = pd.Series([20.0, 40.0, None])
        >>> encoder = NumericEncoder.fit(ages, "age", FitOptions())
        >>> encoder.features
        ('age', 'age=(missing)')
    """

    values: Scaled
    indicator: bool
    tail: HeavyTail | None = None
    kind: ClassVar[str] = "numeric"

    @classmethod
    def fit(cls, series: pd.Series, name: str, options: FitOptions) -> "NumericEncoder":
        """Learn median, mean and scale from the training rows."""
        numbers = number_values(series, name)
        values = Scaled.fit(numbers)
        if not np.isfinite([values.mean, values.scale]).all():
            position = int(np.nanargmax(np.abs(numbers)))
            raise UserError(
                f"Column {name!r} holds numbers too large to standardize, such as "
                f"{numbers[position]:g} in {row_name(series.index, position)}."
            )
        missing = np.isnan(numbers)
        indicator = bool(missing.any() and not missing.all())
        return cls(name, values, indicator, HeavyTail.fit(numbers, values))

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the column's, its logarithm's and the indicator's feature."""
        found: tuple[str, ...] = (self.name,) if self.values.varies else ()
        if self.tail is not None:
            found += (f"{self.name}=(log)",)
        return found + ((missing_name(self.name),) if self.indicator else ())

    def transform(self, series: pd.Series) -> Encoded:
        """Encode; missing cells without an indicator are only filled."""
        numbers = number_values(series, self.name)
        missing = np.isnan(numbers)
        parts = []
        if self.values.varies:
            parts.append(self._scaled(numbers, series.index))
        if self.tail is not None:
            parts.append(self.tail.transform(numbers))
        if self.indicator:
            parts.append(missing.astype(np.float32))
        x = np.stack(parts, axis=1) if parts else np.zeros((len(series), 0), np.float32)
        return Encoded(x, int(missing.sum()), 0)

    def _scaled(self, numbers: np.ndarray, index: pd.Index) -> np.ndarray:
        scaled = self.values.transform(numbers)
        if not np.isfinite(scaled).all():
            position = int(np.argmax(~np.isfinite(scaled)))
            raise UserError(
                f"Column {self.name!r} holds {numbers[position]:g} in "
                f"{row_name(index, position)}, too large beside the training rows."
            )
        return scaled

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "NumericEncoder":
        """Return the encoder that `to_dict` described."""
        tail = values["tail"]
        return cls(
            values["name"],
            Scaled(**values["values"]),
            values["indicator"],
            None if tail is None else HeavyTail.from_dict(tail),
        )
