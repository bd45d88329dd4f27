"""Yes or no: 0 and 1, with a missing indicator."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from polytask.lab.tables.encoders.encoder import (
    Encoded,
    Encoder,
    FitOptions,
    missing_name,
)
from polytask.lab.tables.guess_columns import FALSE_WORDS, TRUE_WORDS
from polytask.lab.tables.values import text_values

WORDS = {**dict.fromkeys(TRUE_WORDS, 1.0), **dict.fromkeys(FALSE_WORDS, 0.0)}


@dataclass(frozen=True)
class BooleanEncoder(Encoder):
    """One 0/1 feature, and an indicator if training rows miss cells.

    Missing cells and words that are neither yes nor no get the more frequent value.

    Args:
        name: The column.
        fill: The more frequent value of the training rows, 0 or 1.
        varies: Whether they had both.
        indicator: Whether training rows had missing cells (and filled ones).

    Example:
        >>> answers = pd.Series(["yes", "no"])
        >>> encoder = BooleanEncoder.fit(answers, "member", FitOptions())
        >>> encoder.transform(pd.Series(["no", "YES"])).x.tolist()
        [[0.0], [1.0]]
    """

    fill: float
    varies: bool
    indicator: bool
    kind: ClassVar[str] = "boolean"

    @classmethod
    def fit(cls, series: pd.Series, name: str, options: FitOptions) -> "BooleanEncoder":
        """Learn the more frequent value from the training rows."""
        values, missing = _parse(series)
        known = values[~np.isnan(values)]
        fill = float(known.mean() > 0.5) if len(known) else 0.0
        return cls(
            name,
            fill,
            varies=len(set(known.tolist())) > 1,
            indicator=bool(missing.any() and not missing.all()),
        )

    @property
    def features(self) -> tuple[str, ...]:
        """The column's name, and the indicator's."""
        value = (self.name,) if self.varies else ()
        return value + ((missing_name(self.name),) if self.indicator else ())

    def transform(self, series: pd.Series) -> Encoded:
        """Encode; other words are counted as unseen."""
        values, missing = _parse(series)
        unknown = np.isnan(values)
        parts = []
        if self.varies:
            parts.append(np.where(unknown, self.fill, values))
        if self.indicator:
            parts.append(missing)
        x = np.stack(parts, axis=1) if parts else np.zeros((len(series), 0))
        unseen = int((unknown & ~missing).sum())
        return Encoded(x.astype(np.float32), int(missing.sum()), unseen)


def _parse(series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return 0, 1 or NaN a cell, and which cells are empty."""
    texts = text_values(series)
    missing = pd.isna(texts)
    values = [np.nan if t is None else WORDS.get(t.lower(), np.nan) for t in texts]
    return np.asarray(values, dtype=np.float64), missing
