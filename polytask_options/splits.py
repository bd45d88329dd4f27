"""How rows become training, validation and test rows, as users say it."""

import math
import re
from dataclasses import dataclass
from typing import Any

from polytask_options.values import Kind, Number

SHARES = (0.6, 0.2, 0.2)
_BY_COLUMN = re.compile(
    r"(?P<how>group|time):(?P<name>.+?)"
    r"(?::(?P<shares>[\d.]+\s*,\s*[\d.]+\s*,\s*[\d.]+))?"
)


@dataclass(frozen=True)
class SplitRule:
    """How rows are split.

    Args:
        how: `"random"`; `"group"`, where the rows of a value stay together; `"time"`,
            where the last rows are the test; or `"file"`.
        name: The column, or the file.
        shares: Of training, validation and test rows; of a file that lists test rows
            alone, the first two divide the others.
    """

    how: str
    name: str = ""
    shares: tuple[float, ...] = SHARES


def split_rule(split: Any) -> SplitRule | None:
    """Return what a value says of the split; None if it is not accepted.

    Args:
        split: Three shares, of which the last may be 0; `"group:COLUMN"` or
            `"time:COLUMN"`, which may end in three shares, as
            `"time:day:0.7,0.1,0.2"`; or the name of a file.

    Example:
        >>> split_rule("group:patient")
        SplitRule(how='group', name='patient', shares=(0.6, 0.2, 0.2))
    """
    if isinstance(split, str):
        if not split.strip():
            return None
        by_column = _BY_COLUMN.fullmatch(split)
        if by_column is None:
            return SplitRule("file", split)
        shares = by_column["shares"]
        parts = _shares(shares.split(",")) if shares else SHARES
        how, name = by_column["how"], by_column["name"]
        return SplitRule(how, name, parts) if parts and parts[2] else None
    parts = _shares(split) if isinstance(split, list | tuple) else None
    return SplitRule("random", shares=parts) if parts else None


def _shares(parts: Any) -> tuple[float, ...] | None:
    numbers = [Number().from_text(p) if isinstance(p, str) else p for p in parts]
    accepted = (Number(positive=True), Number(positive=True), Number())
    if len(numbers) != 3:
        return None
    if not all(kind.accepts(n) for kind, n in zip(accepted, numbers, strict=True)):
        return None
    # Decimal fractions such as 0.7 + 0.2 + 0.1 do not sum to 1 exactly.
    if not math.isclose(sum(numbers), 1, abs_tol=1e-6):
        return None
    return tuple(map(float, numbers))


@dataclass(frozen=True)
class Split(Kind):
    """Shares of training, validation and test rows, or what else splits them."""

    accepted = (
        "three shares that sum to 1 (training, validation, test; the last may be 0 "
        "for a fit), group:COLUMN, time:COLUMN, or a file of row numbers"
    )
    metavar = "HOW"

    def accepts(self, value: Any) -> bool:
        """Return whether it says how."""
        return split_rule(value) is not None

    def kept(self, value: Any) -> Any:
        """Return three floats, or the text."""
        return value if isinstance(value, str) else tuple(map(float, value))

    def from_text(self, text: str) -> Any:
        """Return the numbers between commas, or the text."""
        numbers = [Number().from_text(part) for part in text.split(",")]
        shares = len(numbers) > 1 and not any(isinstance(n, str) for n in numbers)
        return numbers if shares else text
