"""Numbers as text: one place for signs, separators and what is not available."""

import math
from collections.abc import Iterable
from typing import Any

MISSING = "n/a"
MINUS = "\N{MINUS SIGN}"


def number(value: float | None, decimals: int, *, signed: bool = False) -> str:
    """Return `value` with a fixed count of decimals.

    Args:
        value: The number; None and NaN are not available.
        decimals: Digits after the point.
        signed: Whether a positive number gets a plus sign.

    Returns:
        The text, `"n/a"` where there is no number.

    Example:
        >>> number(1234.567, 1), number(0.25, 2, signed=True), number(None, 2)
        ('1,234.6', '+0.25', 'n/a')
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else MINUS + "∞"
    text = f"{abs(value):,.{decimals}f}"
    is_zero = not any(digit in text for digit in "123456789")
    if is_zero:
        return text
    sign = MINUS if value < 0 else "+" if signed else ""
    return sign + text


def percent(value: float | None, decimals: int, *, signed: bool = False) -> str:
    """Return a value that is already in percent, with its sign.

    Example:
        >>> percent(2.14, 1, signed=True), percent(float("nan"), 1)
        ('+2.1%', 'n/a')
    """
    text = number(value, decimals, signed=signed)
    return text if text == MISSING else text + "%"


def p_value(value: float | None) -> str:
    """Return a p-value with the digits that matter.

    Example:
        >>> p_value(0.0412), p_value(1e-7), p_value(None)
        ('0.041', '< 0.001', 'n/a')
    """
    if value is not None and value < 0.001:
        return "< 0.001"
    return number(value, 3)


def count(value: float | None) -> str:
    """Return a whole number with thousands separators; a mean is rounded."""
    return number(value, 0)


def seconds(value: float | None) -> str:
    """Return a duration in the unit that suits it.

    Example:
        >>> seconds(0.84), seconds(42.2), seconds(754)
        ('0.84 s', '42 s', '12.6 min')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if value < 10:
        return f"{value:.2f} s"
    if value < 120:
        return f"{value:.0f} s"
    if value < 7200:
        return f"{value / 60:.1f} min"
    return f"{value / 3600:.1f} h"


def decimals_for(spreads: Iterable[float], values: Iterable[float]) -> int:
    """Return how many decimals a column of numbers needs.

    The median spread keeps two significant digits, so that a column is no more
    precise than its uncertainty; one digit is enough where the values have four.
    Without a spread the largest value keeps four.

    Args:
        spreads: Standard deviations or half widths of intervals; NaN is passed over.
        values: The numbers themselves.

    Returns:
        A count between 0 and 6.

    Example:
        >>> decimals_for([0.0041, 0.0032], [0.95, 0.91]), decimals_for([], [0.95])
        (4, 4)
    """
    sizes = [abs(v) for v in values if math.isfinite(v) and v != 0]
    four_digits = 3 - math.floor(math.log10(max(sizes))) if sizes else 2
    usable = sorted(s for s in spreads if math.isfinite(s) and s > 0)
    if not usable:
        return _clamped(four_digits)
    one_of_spread = -math.floor(math.log10(usable[len(usable) // 2]))
    return _clamped(min(one_of_spread + 1, max(four_digits, one_of_spread)))


def plain_value(value: Any) -> str:
    """Return a stored setting as a reader would write it.

    Example:
        >>> plain_value(True), plain_value([1, 2]), plain_value(None)
        ('yes', '1, 2', 'none')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return MISSING if math.isnan(value) else f"{value:.6g}"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, list | tuple):
        return ", ".join(plain_value(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {plain_value(item)}" for key, item in value.items())
    return str(value)


def _clamped(decimals: int) -> int:
    return min(max(decimals, 0), 6)
