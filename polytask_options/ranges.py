"""What a search may try: the declared range of an option, or the user's own.

l1 = { low = 1e-6, high = 1e-2, log = true }
balancer = ["equal", "nash_mtl"]
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from polytask_options.place import Place
from polytask_options.table_values import Table
from polytask_options.values import Integer, Kind, Number


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Args:
        low: The smallest.
        high: The largest.
        log: Whether values are drawn evenly by their logarithm.
        whole: Whether they are integers.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def draw(self, random: Random) -> float:
        """Return a value at random.

        Args:
            random: Draws it.
        """
        return self.at(random.random())

    def at(self, share: float) -> float:
        """Return the value that a share of the range lies below.

        Args:
            share: From 0 to 1.

        Example:
            >>> round(Range(1e-6, 1e-2, log=True).at(0.5), 6)
            0.0001
        """
        if self.log:
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + (self.high - self.low) * share
        # Rounding must not lead out of the range.
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else value


@dataclass(frozen=True)
class OneOf:
    """A few values, all as likely.

    Args:
        values: As the option keeps them.
    """

    values: tuple[Any, ...]

    def draw(self, random: Random) -> Any:
        """Return one of the values at random.

        Args:
            random: Draws it.
        """
        return self.values[int(random.random() * len(self.values))]


@dataclass(frozen=True)
class Parts:
    """What each key of a table may be.

    Args:
        parts: Key → what it may be.
        make: The values as keywords → what the option keeps.
    """

    parts: Mapping[str, "Range | OneOf"]
    make: Any = field(default=dict, compare=False)

    def draw(self, random: Random) -> Any:
        """Return the table with a value at random for each key.

        Args:
            random: Draws them.
        """
        return self.make(**{key: one.draw(random) for key, one in self.parts.items()})


Domain = Range | OneOf | Parts


def read_domain(kind: Kind, value: Any, key: str, place: Place) -> Domain:
    """Return what a study file says that a search may try of an option.

    Args:
        kind: What the option accepts.
        value: A table of low, high and log; a list of values; or, for an option that is
            a table, a table of these.
        key: The option.
        place: Where it was written.

    Raises:
        UserError: If it is neither, empty, or holds what the option does not accept.
    """
    if isinstance(value, list):
        if not value:
            raise place.error(f"{key} = [] is empty; give at least one value to try.")
        return OneOf(tuple(kind.read(one, key, place) for one in value))
    if not isinstance(value, Mapping):
        raise place.refused(key, value, _ACCEPTED)
    inner = place.inside(key)
    if isinstance(kind, Table) and not {"low", "high"} & set(value):
        inner.refuse_unknown(value, kind.kinds)
        missing = [n for n in kind.kinds if n not in value and n not in kind.defaults]
        if missing:
            raise inner.error(f'the key "{missing[0]}" is missing.')
        parts = {n: read_domain(kind.kinds[n], v, n, inner) for n, v in value.items()}
        return Parts(parts, kind.make)  # type: ignore[arg-type]
    inner.refuse_unknown(value, ("low", "high", "log"))
    for name in ("low", "high"):
        if name not in value:
            raise inner.error(f'the key "{name}" is missing.')
    low, high = (kind.read(value[name], name, inner) for name in ("low", "high"))
    log = value.get("log", False)
    if not (Number(-math.inf).accepts(low) and Number(-math.inf).accepts(high)):
        raise place.refused(key, value, "a list of values")
    if not isinstance(log, bool):
        raise inner.refused("log", log, "true or false")
    if low >= high:
        raise inner.error(
            f"the range from {low:g} to {high:g} is empty; low has to be below high."
        )
    if log and low <= 0:
        raise inner.error(f"low = {low:g}; accepted with log is a number above 0.")
    return Range(low, high, log, isinstance(kind, Integer))


_ACCEPTED = "{ low = ..., high = ..., log = true or false } or a list of values"
