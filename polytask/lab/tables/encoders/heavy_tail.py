"""A logarithm beside the value, for numbers with a heavy tail."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from polytask.lab.tables.encoders.scaled import Scaled

#: A column has a heavy tail if a training value lies so many standard deviations
#: from the mean: amounts of money, counts, distances.
FAR = 10.0


@dataclass(frozen=True)
class HeavyTail:
    """The standardized signed logarithm sign(x) log(1 + |x| / unit).

    A network sees little of a column whose few large values stretch the scale; its
    logarithm spreads the small ones. The plain value stays a feature of its own.

    Args:
        unit: The 5 % quantile of the absolute training values that are not zero.
        values: What was learned of the logarithms.
    """

    unit: float
    values: Scaled

    @classmethod
    def fit(cls, numbers: np.ndarray, plain: Scaled) -> "HeavyTail | None":
        """Learn from float64 numbers of shape (rows,); None without a heavy tail."""
        known = numbers[np.isfinite(numbers)]
        if not plain.varies or np.abs(plain.transform(known)).max() <= FAR:
            return None
        unit = float(np.quantile(np.abs(known[known != 0]), 0.05))
        return cls(unit, Scaled.fit(_signed_log(numbers, unit)))

    def transform(self, numbers: np.ndarray) -> np.ndarray:
        """Return the standardized logarithms, float32 of shape (rows,)."""
        return self.values.transform(_signed_log(numbers, self.unit))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "HeavyTail":
        """Return the object with these values, as `dataclasses.asdict` gave them."""
        return cls(values["unit"], Scaled(**values["values"]))


def _signed_log(numbers: np.ndarray, unit: float) -> np.ndarray:
    logs: np.ndarray = np.sign(numbers) * np.log1p(np.abs(numbers) / unit)
    return logs
