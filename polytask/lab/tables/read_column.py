"""From the cells of a column to what they are: numbers, categories, truths, dates."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from polytask.errors import listed
from polytask.lab.tables.column import Column
from polytask.lab.tables.forms import (
    AMBIGUOUS,
    EXACT,
    ISO,
    LEADING_ZERO,
    cell_text,
    date_doubt,
    date_form,
    number_form,
    read_dates,
    read_numbers,
    utc_times,
)

TRUE_WORDS = ("true", "yes", "y", "t", "on", "1")
FALSE_WORDS = ("false", "no", "n", "f", "off", "0")
_PAIRS_OF_WORDS = [set(pair) for pair in zip(TRUE_WORDS, FALSE_WORDS, strict=True)]
# Words that people mix in one column.
_MIXED_WORDS = ({"yes", "no", "y", "n"}, {"true", "false", "t", "f"})
_TRUTHS = {**dict.fromkeys(TRUE_WORDS, 1.0), **dict.fromkeys(FALSE_WORDS, 0.0)}


def read_column(
    series: pd.Series, name: str, kind: str | None = None, form: str = ""
) -> Column:
    """Read the cells of a column.

    Args:
        series: A column of any type.
        name: What messages call it.
        kind: One of `INPUT_KINDS`; None for the one that fits the values, whether or
            not they are of use as an input.
        form: As `Column.form`; found from the values if empty.

    Returns:
        The column; `check` says whether all cells are of the kind that was given.

    Example:
        >>> column = read_column(pd.Series(["1", None, "2.5"]), "size")
        >>> column.kind, column.values.tolist()
        ('numeric', [1.0, nan, 2.5])
        >>> read_column(pd.Series(["no", "maybe"]), "ok", "boolean").wrong
        "Column 'ok' is given as boolean but holds 'maybe'. Accepted: 0/1, \
true/false, yes/no, y/n, t/f, on/off."
    """
    cells = _Cells(series)
    reason, doubt = "given by the user", ""
    if kind is None:
        kind, reason, form, doubt = cells.fitting_kind()
    rows = np.asarray(series.index)
    column = Column(name, kind, reason, None, cells.missing, rows, form)
    if doubt:
        sentence = f"Column {name!r} is read as categories: {doubt}."
        column = replace(column, doubt=sentence)
    return _READERS.get(kind, _categories)(column, cells)


class _Cells:
    """The cells as they are stored: numbers or times, or a code for each text.

    Durations are numbers, of seconds; periods are times, at which they begin. Whole
    numbers are kept beside their floats, which do not tell those of 16 digits apart.
    """

    def __init__(self, series: pd.Series) -> None:
        self.dtype = series.dtype
        if isinstance(self.dtype, pd.PeriodDtype):
            series = series.dt.to_timestamp()
        elif pd.api.types.is_timedelta64_dtype(self.dtype):
            series = series.dt.total_seconds()
        self.numbers: np.ndarray | None = None
        self.times: np.ndarray | None = None
        self.nested = False
        if _holds_numbers(series):
            self.numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
            self.missing = np.isnan(self.numbers)
            is_whole = pd.api.types.is_integer_dtype(series.dtype)
            self._exact = series if is_whole else self.numbers
        elif pd.api.types.is_datetime64_any_dtype(series.dtype):
            self.times = utc_times(series)
            self.missing = np.isnat(self.times)
        else:
            if _may_be_nested(series):
                # Lists and records cannot be looked up; their text can.
                plain = [v is None or pd.api.types.is_scalar(v) for v in series]
                self.nested = not all(plain)
                series = series.where(plain, series.map(str))
            self._codes, self._texts = _distinct_texts(series)
            self.missing = self._codes < 0

    @cached_property
    def categories(self) -> pd.Categorical:
        """The cells as categories, one for all ways to write the same value."""
        codes, texts = self._coded
        regrouped, labels = pd.factorize(
            np.array([cell_text(text) for text in texts], dtype=object)
        )
        codes = np.append(regrouped, -1)[codes]
        cells = pd.Categorical.from_codes(codes, pd.Index(labels, dtype=object))
        if not getattr(self.dtype, "ordered", False):
            return cells
        known = dict.fromkeys(map(cell_text, self.dtype.categories))
        return cells.reorder_categories([t for t in known if t in labels], ordered=True)

    def spread(self, read: Callable[[list[str]], np.ndarray], nothing: Any) -> Any:
        """Read each distinct text once; return what was read for every cell."""
        codes, texts = self._coded
        return np.append(read(texts), nothing)[codes]

    def fitting_kind(self) -> tuple[str, str, str, str]:
        """Return the kind that fits the values, why, their form, and a doubt."""
        if self.missing.all():
            return "empty", "no cell is filled", "", ""
        if self.nested:
            return "nested", "lists or records; give each part a column", "", ""
        if self.numbers is not None:
            distinct = pd.unique(self.numbers[~self.missing])
            if len(distinct) == 2 and sorted(distinct) == [0, 1]:
                return "boolean", "two values, 0 and 1", "", ""
            exact = len(self._coded[1]) if np.abs(distinct).max() > EXACT else 0
            if exact > len(distinct):
                reason = f"{exact} different whole numbers, too long for a float"
                return "categorical", reason, "", ""
            what = "numbers"
            if pd.api.types.is_timedelta64_dtype(self.dtype):
                what = "durations in seconds"
            return "numeric", f"{what}, {len(distinct)} different", "", ""
        if self.times is not None:
            return "date", "stored as dates", ISO, ""
        labels = list(self.categories.categories)
        if isinstance(self.dtype, pd.CategoricalDtype):
            return "categorical", f"stored as categories, {len(labels)} values", "", ""
        words = sorted({label.lower() for label in labels[:3]})
        if len(labels) == 2 and set(words) in _PAIRS_OF_WORDS:
            return "boolean", f"two values, {' and '.join(words)}", "", ""
        if _say_yes_or_no(labels):
            return "boolean", f"yes and no as {listed(map(repr, labels), 6)}", "", ""
        if pd.api.types.is_bool_dtype(self.dtype):
            return "boolean", "stored as booleans", "", ""
        if all(_are_numbers(some) for some in (labels[:1], labels)):
            # Text that read_table kept, or numbers in a column of mixed storage.
            if any(LEADING_ZERO.match(label) for label in labels):
                return "categorical", "digits with leading zeros", "", ""
            reason = f"text that holds numbers, {len(labels)} different"
            return "numeric", reason, "", ""
        dates = date_form(labels)
        if dates == AMBIGUOUS:
            reason = "dates of which day and month cannot be told apart"
            return "categorical", f"{reason}; write YYYY-MM-DD", "", reason
        if dates is not None:
            return "date", f"dates such as {labels[0]}", dates, ""
        form, doubt = number_form(self._texts)
        if form:
            read = read_numbers(self._texts[:1], form)[0]
            reason = f"numbers such as {self._texts[0]!r}, read as {read:g}"
            return "numeric", reason, form, ""
        doubt = doubt or date_doubt(labels)
        return "categorical", f"text, {len(labels)} different values", "", doubt

    def as_numbers(self, form: str) -> tuple[np.ndarray, str, str]:
        """Return the cells as numbers, their form, and what is in the way."""
        if self.numbers is not None:
            return self.numbers, form, ""
        doubt = ""
        numbers = self.spread(lambda texts: read_numbers(texts, form), np.nan)
        if not form and (np.isnan(numbers) & ~self.missing).any():
            form, doubt = number_form(self._coded[1])
            if form:
                numbers, _, _ = self.as_numbers(form)
        return numbers, form, doubt

    @cached_property
    def _coded(self) -> tuple[np.ndarray, list[str]]:
        if self.numbers is not None:
            codes, distinct = pd.factorize(self._exact)
            return codes, [cell_text(number) for number in distinct]
        if self.times is not None:
            codes, distinct = pd.factorize(self.times)
            return codes, [str(pd.Timestamp(time)) for time in distinct]
        return self._codes, self._texts


def _say_yes_or_no(labels: list[str]) -> bool:
    """Return whether more than two labels are ways to write two truths."""
    words = {label.lower() for label in labels[:16]}
    truths = {_TRUTHS.get(word) for word in words}
    return (
        2 < len(labels) <= 16
        and truths == {0.0, 1.0}
        and any(words <= family for family in _MIXED_WORDS)
    )


def _are_numbers(texts: list[str]) -> bool:
    return not np.isnan(read_numbers(texts)).any()


def _holds_numbers(series: pd.Series) -> bool:
    """Say whether the column is stored as real numbers (booleans are not)."""
    return (
        pd.api.types.is_numeric_dtype(series.dtype)
        and not pd.api.types.is_bool_dtype(series.dtype)
        and not pd.api.types.is_complex_dtype(series.dtype)
    )


def _may_be_nested(series: pd.Series) -> bool:
    mixed = ("mixed", "mixed-integer")
    return series.dtype == object and pd.api.types.infer_dtype(series) in mixed


def _distinct_texts(series: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return a code for each cell, -1 where it is blank, and the distinct texts."""
    codes, distinct = pd.factorize(series)
    stripped = [v.strip() if isinstance(v, str) else cell_text(v) for v in distinct]
    regrouped, texts = pd.factorize(
        np.array([text or None for text in stripped], dtype=object)
    )
    return np.append(regrouped, -1)[codes], list(texts)


def _categories(column: Column, cells: _Cells) -> Column:
    column = replace(column, values=cells.categories)
    return column if cells.numbers is None else _finite(column, cells.numbers)


def _numbers(column: Column, cells: _Cells) -> Column:
    numbers, form, doubt = cells.as_numbers(column.form)
    column = replace(column, values=numbers, form=form)
    unread = np.flatnonzero(column.unread)
    if not len(unread):
        return _finite(column, numbers)
    return replace(
        column,
        wrong=f"Column {column.name!r} must hold numbers; {column.row(unread[0])} "
        f"holds {cells.categories[unread[0]]!r} ({len(unread)} such rows)"
        + (f": {doubt}." if doubt else "."),
    )


def _finite(column: Column, numbers: np.ndarray) -> Column:
    infinite = np.flatnonzero(np.isinf(numbers))
    if not len(infinite):
        return column
    return replace(
        column,
        wrong=f"Column {column.name!r} holds an infinite value in "
        f"{column.row(infinite[0])} ({len(infinite)} such rows). "
        "Write a finite number, leave the cell empty for a missing value, or exclude "
        "the column (--exclude).",
    )


def _truths(column: Column, cells: _Cells) -> Column:
    def read(texts: list[str]) -> np.ndarray:
        words = (cell_text(text).lower() for text in texts)
        return np.array([_TRUTHS.get(word, np.nan) for word in words], np.float64)

    column = replace(column, values=cells.spread(read, np.nan))
    if not column.unread.any():
        return column
    other = sorted(set(cells.categories[column.unread]))[0]
    return replace(
        column,
        wrong=f"Column {column.name!r} is given as boolean but holds {other!r}. "
        "Accepted: 0/1, true/false, yes/no, y/n, t/f, on/off.",
    )


def _dates(column: Column, cells: _Cells) -> Column:
    if cells.times is not None:
        return replace(column, values=cells.times, form=ISO)
    labels = list(cells.categories.categories)
    form = column.form or _given_date_form(labels)
    if form in ("", AMBIGUOUS):
        example = repr(labels[0]) if labels else ""
        what = f"day and month of {example} cannot be told apart; write YYYY-MM-DD"
        if not form:
            what = date_doubt(labels) or (
                f"its values, such as {example}, are no dates; write YYYY-MM-DD"
            )
        return replace(
            column,
            values=np.full(len(column), np.datetime64("NaT")),
            wrong=f"Column {column.name!r} is given as date, but {what}.",
        )
    values = cells.spread(lambda texts: read_dates(texts, form), np.datetime64("NaT"))
    column = replace(column, values=values, form=form)
    if not column.unread.any():
        return column
    position = int(np.argmax(column.unread))
    expected = "YYYY-MM-DD" if form == ISO else form
    return replace(
        column,
        wrong=f"Column {column.name!r} must hold dates written as {expected}; "
        f"{column.row(position)} holds {cells.categories[position]!r}.",
    )


def _given_date_form(labels: list[str]) -> str:
    if all(re.fullmatch(r"\d{8}", label) for label in labels):
        return "%Y%m%d"
    return date_form(labels) or ""


_READERS: dict[str, Callable[[Column, _Cells], Column]] = {
    "numeric": _numbers,
    "boolean": _truths,
    "date": _dates,
}
