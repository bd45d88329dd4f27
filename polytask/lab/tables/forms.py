"""How the distinct texts of a column are read: as categories, numbers or dates."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

#: A form in which the texts could be read in more than one way.
AMBIGUOUS = "ambiguous"

INTEGER = re.compile(r"[+-]?(0|[1-9]\d*)", re.ASCII)
DECIMAL = re.compile(r"[+-]?(0|[1-9]\d*)\.\d+", re.ASCII)
# Postal codes, phone numbers: digits that are no amount.
LEADING_ZERO = re.compile(r"[+-]?0\d")

ISO = "ISO8601"
LOOKS_LIKE_A_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([ T]\d|$)")
UNAMBIGUOUS = (ISO, "%Y/%m/%d", "%d.%m.%Y")
# Formats that read the same text differently; accepted where only one of a pair fits.
PAIRS = (("%m/%d/%Y", "%d/%m/%Y"), ("%m-%d-%Y", "%d-%m-%Y"))


def cell_text(value: Any) -> str:
    """Return a cell as text, the same for a value however it was stored.

    The same cell may be a number in one file and text in the next, because of what
    else the column holds. So numbers lose trailing zeros (but digits that begin with
    a needless zero stay), booleans are written `true` and `false`, and spaces around
    a text are cut.

    Example:
        >>> [cell_text(value) for value in (1.0, "2.50", "01", "True", " nurse ")]
        ['1', '2.5', '01', 'true', 'nurse']
    """
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        return str(int(value)) if float(value).is_integer() else str(value)
    text = str(value).strip()
    if DECIMAL.fullmatch(text):
        return cell_text(float(text))
    if INTEGER.fullmatch(text):
        return str(int(text))
    return text.lower() if text.lower() in ("true", "false") else text


def read_numbers(texts: Sequence[str]) -> np.ndarray:
    """Return texts as float64, NaN where one is not a number.

    Example:
        >>> read_numbers(["1", "2.5", "true", "tall"]).tolist()
        [1.0, 2.5, 1.0, nan]
    """
    truths = {"true": "1", "false": "0"}
    words = pd.Series([truths.get(t.lower(), t) for t in texts], dtype=object)
    return np.asarray(pd.to_numeric(words, errors="coerce"), dtype=np.float64)


def date_form(texts: Sequence[str]) -> str | None:
    """Find the format in which every text is a date.

    Args:
        texts: Distinct texts, none missing.

    Returns:
        A `strptime` format, `"ISO8601"`, `"ambiguous"` where day and month cannot be
        told apart, or None.

    Example:
        >>> date_form(["2026-01-31", "2026-02-01 12:30"])
        'ISO8601'
    """
    if not texts or not all(LOOKS_LIKE_A_DATE.match(text) for text in texts):
        return None
    for form in UNAMBIGUOUS:
        if _all_are_dates(texts, form):
            return form
    for pair in PAIRS:
        fitting = [form for form in pair if _all_are_dates(texts, form)]
        if fitting:
            return fitting[0] if len(fitting) == 1 else AMBIGUOUS
    return None


def read_dates(texts: Sequence[str], form: str) -> np.ndarray:
    """Return texts as UTC times, datetime64 with NaT where one is no date."""
    times = pd.to_datetime(
        pd.Series(texts, dtype=object), format=form, errors="coerce", utc=True
    )
    return utc_times(times)


def utc_times(times: pd.Series) -> np.ndarray:
    """Return times, with a zone or without, as datetime64 in UTC."""
    moved = pd.to_datetime(times, utc=True).dt.tz_convert(None)
    return np.asarray(moved.to_numpy())


def _all_are_dates(texts: Sequence[str], form: str) -> bool:
    return not np.isnat(read_dates(texts, form)).any()
