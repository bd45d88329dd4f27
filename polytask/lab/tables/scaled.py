"""Numbers filled and standardized, and a logarithm for those with a heavy tail."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

#: A column has a heavy tail if a training value lies so many standard deviations
#: from the mean: amounts of money, counts, distances.
FAR = 10.0


@dataclass(frozen=True)
class Scaled:
    """Missing numbers filled with the median, then standardized.

    Args:
        median: Fills missing numbers.
        mean: Mean of the filled training rows.
        scale: Their standard deviation; 0 means that they do not vary, infinite that
            they are too large for it.
    """

    median: float
    mean: float
    scale: float

    @classmethod
    def fit(cls, numbers: np.ndarray) -> "Scaled":
        """Learn from float64 numbers of shape (rows,), NaN where missing.

        The figures are those of scikit-learn's `SimpleImputer` and `StandardScaler`,
        whose checks would cost a wide table most of its time.
        """
        missing = np.isnan(numbers)
        if missing.all():
            return cls(0.0, 0.0, 0.0)
        median = float(np.median(numbers[~missing]))
        filled = np.where(missing, median, numbers)
        rows = len(filled)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = filled.sum() / rows
            centered = filled - mean
            # The mean is rounded; its error is taken out again.
            squares = np.square(centered).sum() - np.square(centered.sum()) / rows
            variance = squares / rows
        if not np.isfinite(variance):
            return cls(median, float(mean), np.inf)
        if filled.min() == filled.max():
            return cls(median, float(mean), 0.0)
        rounding = np.finfo(np.float64).eps * rows
        if variance <= rounding * variance + np.square(rounding * mean):
            # They differ by rounding alone.
            return cls(median, float(mean), 1.0)
        return cls(median, float(mean), float(np.sqrt(variance)))

    def scaled_by(self, numbers: np.ndarray) -> "Scaled":
        """Return what other rows teach; where they do not vary, the scale of these.

        Args:
            numbers: As of `fit`.
        """
        if np.isnan(numbers).all():
            return self
        own = Scaled.fit(numbers)
        return own if own.varies else replace(own, scale=self.scale)

    @property
    def varies(self) -> bool:
        """Whether the training rows had more than one value."""
        return self.scale > 0

    def transform(self, numbers: np.ndarray) -> np.ndarray:
        """Return the filled, standardized numbers, float32 of shape (rows,)."""
        filled = np.where(np.isnan(numbers), self.median, numbers)
        with np.errstate(over="ignore"):
            scaled: np.ndarray = ((filled - self.mean) / self.scale).astype(np.float32)
        return scaled


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
        unit = _unit(known)
        return cls(unit, Scaled.fit(_signed_log(numbers, unit)))

    def scaled_by(self, numbers: np.ndarray) -> "HeavyTail":
        """Return what other rows teach, whatever their tail.

        Args:
            numbers: As of `fit`.
        """
        known = numbers[np.isfinite(numbers)]
        unit = _unit(known) if known.any() else self.unit
        return HeavyTail(unit, self.values.scaled_by(_signed_log(numbers, unit)))

    def transform(self, numbers: np.ndarray) -> np.ndarray:
        """Return the standardized logarithms, float32 of shape (rows,)."""
        return self.values.transform(_signed_log(numbers, self.unit))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "HeavyTail":
        """Return the object with these values, as `dataclasses.asdict` gave them."""
        return cls(values["unit"], Scaled(**values["values"]))


def _unit(known: np.ndarray) -> float:
    return float(np.quantile(np.abs(known[known != 0]), 0.05))


def _signed_log(numbers: np.ndarray, unit: float) -> np.ndarray:
    logs: np.ndarray = np.sign(numbers) * np.log1p(np.abs(numbers) / unit)
    return logs
