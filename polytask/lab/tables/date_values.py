"""How dates are written in a table."""

import re

import numpy as np
import pandas as pd

from polytask.errors import UserError
from polytask.lab.tables.values import row_name, text_values

ISO = "ISO8601"
AMBIGUOUS = "ambiguous"
LOOKS_LIKE_A_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([ T]\d|$)")
UNAMBIGUOUS = (ISO, "%Y/%m/%d", "%d.%m.%Y")
# Formats that read the same text differently; accepted where only one of a pair fits.
PAIRS = (("%m/%d/%Y", "%d/%m/%Y"), ("%m-%d-%Y", "%d-%m-%Y"))


def date_format(texts: pd.Series) -> str | None:
    """Find the format in which every text is a date.

    Args:
        texts: Distinct texts, none missing.

    Returns:
        A `strptime` format, `"ISO8601"`, `"ambiguous"` where day and month cannot be
        told apart, or None.

    Example:
        >>> date_format(pd.Series(["2026-01-31", "2026-02-01 12:30"]))
        'ISO8601'
    """
    if texts.empty or not texts.map(lambda t: bool(LOOKS_LIKE_A_DATE.match(t))).all():
        return None
    for form in UNAMBIGUOUS:
        if _parse(texts, form).notna().all():
            return form
    for pair in PAIRS:
        fitting = [form for form in pair if _parse(texts, form).notna().all()]
        if fitting:
            return fitting[0] if len(fitting) == 1 else AMBIGUOUS
    return None


def column_date_format(series: pd.Series, column: str) -> str:
    """Return the format of a date column, for a column known to hold dates.

    Raises:
        UserError: If the texts are no dates, or ambiguous ones.
    """
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return ISO
    texts = pd.Series([v for v in pd.unique(text_values(series)) if v is not None])
    if texts.map(lambda text: bool(re.fullmatch(r"\d{8}", text))).all():
        return "%Y%m%d"
    form = date_format(texts)
    if form is None or form == AMBIGUOUS:
        what = "cannot tell day from month" if form else "cannot be read as dates"
        example = texts.iloc[0] if len(texts) else ""
        raise UserError(
            f"Column {column!r} is given as date, but its values (such as "
            f"{example!r}) {what}. Write YYYY-MM-DD."
        )
    return form


def date_values(series: pd.Series, form: str, column: str) -> pd.Series:
    """Return the cells as UTC times.

    Args:
        series: A column of dates, or of texts in the format `form`.
        form: As `date_format` returns it.
        column: The column's name, for messages.

    Returns:
        Times with the column's index, `NaT` where missing.

    Raises:
        UserError: At the first cell that is not a date.
    """
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return pd.Series(pd.to_datetime(series, utc=True), index=series.index)
    texts = text_values(series)
    times = _parse(pd.Series(texts, index=series.index, dtype=object), form)
    wrong = times.isna().to_numpy() & pd.notna(texts)
    if wrong.any():
        position = int(np.argmax(wrong))
        expected = "YYYY-MM-DD" if form == ISO else form
        raise UserError(
            f"Column {column!r} must hold dates written as {expected}; "
            f"{row_name(series.index, position)} holds {texts[position]!r}."
        )
    return times


def _parse(texts: pd.Series, form: str) -> pd.Series:
    times: pd.Series = pd.to_datetime(texts, format=form, errors="coerce", utc=True)
    return times
