"""The mean over seeds and how sure it is."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from polytask.errors import UserError


class Interval(NamedTuple):
    """A mean with the ends of its interval; NaN ends for a single value."""

    mean: float
    low: float
    high: float

    def signed(self, decimals: int = 1) -> str:
        """Return the mean and its interval with signs, as a change is written.

        Args:
            decimals: Digits after the point.

        Returns:
            The text; the mean alone where there are no ends.

        Example:
            >>> Interval(1.25, 0.5, 2.0).signed()
            '+1.2 [+0.5, +2.0]'
        """
        mean = f"{self.mean:+.{decimals}f}"
        if math.isnan(self.low):
            return mean
        return f"{mean} [{self.low:+.{decimals}f}, {self.high:+.{decimals}f}]"


def seed_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the Student t interval of the mean over seeds.

    Args:
        values: One per seed, of (paired) quantities from independent seeds.
        confidence: Between 0 and 1.

    Returns:
        Mean, low end, high end. One value has no interval: its ends are NaN.

    Raises:
        UserError: If there is no value, or the confidence is out of range.

    Source:
        Student, "The Probable Error of a Mean", Biometrika 1908.

    Example:
        >>> [round(x, 3) for x in seed_interval([1.0, 2.0, 3.0])]
        [2.0, -0.484, 4.484]
    """
    if not len(values) or not 0 < confidence < 1:
        raise UserError(
            f"seed_interval needs values and a confidence in (0, 1), found "
            f"{len(values)} values and {confidence}."
        )
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean())
    if len(array) < 2:
        return Interval(mean, math.nan, math.nan)
    error = float(array.std(ddof=1)) / math.sqrt(len(array))
    half = student_quantile(confidence, len(array) - 1) * error
    return Interval(mean, mean - half, mean + half)


def student_quantile(confidence: float, freedom: int) -> float:
    """Return t with P(|T| < t) = confidence for `freedom` degrees of freedom."""
    low, high = 0.0, 1.0
    while _within(high, freedom) < confidence:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        if _within(middle, freedom) < confidence:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _within(t: float, freedom: int) -> float:
    """Return P(|T| < t) by the finite series for whole degrees of freedom.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3-4.
    """
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    if odd:
        return 2 / math.pi * (angle + sine * total)
    return sine * total
