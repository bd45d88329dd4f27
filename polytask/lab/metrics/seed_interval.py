"""The mean over seeds and how sure it is."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

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
    return t_interval(mean, error, len(array) - 1, confidence)


def t_interval(mean: float, error: float, freedom: int, confidence: float) -> Interval:
    """Return Student's interval of a mean.

    Args:
        mean: The mean.
        error: Its standard error.
        freedom: Degrees of freedom, 1 or more.
        confidence: Between 0 and 1.
    """
    # Far quicker to import than `scipy.stats`.
    half = float(stdtrit(freedom, 0.5 + confidence / 2)) * error
    return Interval(mean, mean - half, mean + half)
