"""A linear axis: where a value lies on the page, and at which values to put ticks."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Maps `low … high` to `start … end`.

    Args:
        low: Smallest value.
        high: Largest value, above `low`.
        start: Position of `low`, in user units.
        end: Position of `high`.

    Example:
        >>> Scale(0.0, 10.0, 100.0, 200.0)(2.5)
        125.0
    """

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def around(
        cls, values: Iterable[float], start: float, end: float, padding: float = 0.05
    ) -> "Scale":
        """Return a scale that holds all finite `values` with some room around them."""
        finite = [value for value in values if math.isfinite(value)]
        low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
        if low == high:
            # One value has no extent; half of its size shows it in the middle.
            half = abs(low) / 2 or 0.5
            low, high = low - half, high + half
        room = (high - low) * padding
        return cls(low - room, high + room, start, end)

    def __call__(self, value: float) -> float:
        """Return the position of `value`."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Return round values within the scale, at most about `about` of them.

        Example:
            >>> Scale(-1.3, 4.2, 0.0, 1.0).ticks(5)
            [0.0, 2.0, 4.0]
        """
        step = self.step(about)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [index * step for index in range(first, last + 1)]

    def step(self, about: int = 5) -> float:
        """Return the distance of the ticks: 1, 2 or 5 times a power of ten."""
        rough = (self.high - self.low) / about
        power = 10.0 ** math.floor(math.log10(rough))
        return next(f * power for f in (1, 2, 5, 10) if f * power >= rough * 0.999)

    def tick_decimals(self, about: int = 5) -> int:
        """Return the decimals that tell the ticks apart."""
        return max(0, -math.floor(math.log10(self.step(about)) + 1e-9))
