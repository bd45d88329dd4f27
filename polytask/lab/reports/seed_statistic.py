"""Mean and spread over seeds, with the count of the seeds that had a value."""

import math
from dataclasses import dataclass

import numpy as np

from polytask.lab.reports.numerals import MISSING, number


@dataclass(frozen=True)
class SeedStatistic:
    """The mean of one quantity over seeds, or over repeats with a split each.

    Args:
        mean: Mean of the finite values, NaN where there is none.
        sd: Sample standard deviation, NaN for fewer than two values.
        count: How many seeds had a value.
        expected: How many seeds were asked for.
        unit: What they are called, `"seed"` or `"repeat"`.

    Example:
        >>> SeedStatistic.of(np.array([0.90, 0.92]), expected=2).text(2)
        '0.91 ± 0.01'
    """

    mean: float
    sd: float
    count: int
    expected: int
    unit: str = "seed"

    @classmethod
    def of(
        cls, values: np.ndarray, expected: int, unit: str = "seed"
    ) -> "SeedStatistic":
        """Return the statistic of `values`, one per seed; NaN is left out."""
        present = values[~np.isnan(values)]
        # An infinite value (a diverged run) makes the mean infinite, not an error.
        with np.errstate(invalid="ignore"):
            mean = float(present.mean()) if present.size else math.nan
            sd = float(present.std(ddof=1)) if present.size > 1 else math.nan
        return cls(mean, sd, int(present.size), expected, unit)

    def text(self, decimals: int) -> str:
        """Return `mean ± sd`, the mean alone for one seed, or `n/a`."""
        if self.count == 0:
            return MISSING
        mean = number(self.mean, decimals)
        if math.isnan(self.sd):
            return mean
        return f"{mean} ± {number(self.sd, decimals)}"

    @property
    def note(self) -> str:
        """Says where a value stands on fewer seeds than were asked for."""
        if self.count in (0, self.expected):
            return ""
        return f"{self.count} of {self.expected} {self.unit}s"
