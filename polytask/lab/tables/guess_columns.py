"""What each column of a table holds, by a rule that can be read."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from polytask.errors import UserError
from polytask.lab.tables.date_values import AMBIGUOUS, date_format
from polytask.lab.tables.values import is_number, number_values, text_values

INPUT_KINDS = ("numeric", "categorical", "boolean", "date")
TRUE_WORDS = ("true", "yes", "y", "t", "on", "1")
FALSE_WORDS = ("false", "no", "n", "f", "off", "0")
ID_NAME = re.compile(r"(^|[_\s.-])(id|uuid|guid|index|key)$|^unnamed: \d+$", re.I)
FEW = 20
WORDS_OF_A_SENTENCE = 4


@dataclass(frozen=True)
class ColumnGuess:
    """What a column seems to hold.

    Args:
        name: The column.
        kind: `"numeric"`, `"categorical"`, `"boolean"` or `"date"` for inputs;
            `"id"`, `"text"`, `"constant"` or `"empty"` for columns left out.
        reason: One clause that says why.
    """

    name: str
    kind: str
    reason: str

    @property
    def used(self) -> bool:
        """Whether the column serves as an input."""
        return self.kind in INPUT_KINDS


def guess_columns(frame: pd.DataFrame) -> list[ColumnGuess]:
    """Guess the kind of every column.

    The rule, in order:

    1. no filled cell: `empty`; the same value in every row: `constant`;
    2. two values that are 0 and 1, or a pair of words (true/false, yes/no, y/n, t/f,
       on/off): `boolean`;
    3. numbers: `numeric`, but `id` if they are whole, all different, and either
       consecutive or the column is named like an identifier;
    4. dates (a date type, or text in one unambiguous format): `date`;
    5. other text: `categorical` if at most 20 values or at most half the filled rows
       are different; otherwise `text` (four words or more on average) or `id`.

    Args:
        frame: The table.

    Returns:
        One guess a column, in the table's order.

    Example:
        >>> table = pd.DataFrame({"age": [31, 40], "job": ["nurse", "clerk"]})
        >>> [guess.kind for guess in guess_columns(table)]
        ['numeric', 'categorical']
    """
    return [_guess(str(name), frame[name]) for name in frame.columns]


def value_kind(series: pd.Series) -> tuple[str, str]:
    """Return the input kind that fits the values, and why.

    Args:
        series: A column, of which the usefulness as an input is not judged.

    Returns:
        One of `INPUT_KINDS` (or `"empty"`), and the reason.
    """
    if is_number(series):
        return _number_kind(series)
    distinct = pd.Series([v for v in pd.unique(text_values(series)) if v is not None])
    if distinct.empty:
        return "empty", "no cell is filled"
    if isinstance(series.dtype, pd.CategoricalDtype):
        return "categorical", f"stored as categories, {len(distinct)} values"
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return "date", "stored as dates"
    words = sorted(distinct.str.lower())
    if any(words == sorted(pair) for pair in zip(TRUE_WORDS, FALSE_WORDS, strict=True)):
        return "boolean", f"two values, {' and '.join(words)}"
    if pd.api.types.is_bool_dtype(series.dtype):
        return "boolean", "stored as booleans"
    if pd.to_numeric(distinct, errors="coerce").notna().all():
        # Text that read_table kept, or numbers in a column of mixed storage.
        if distinct.str.match(r"[+-]?0\d").any():
            return "categorical", "digits with leading zeros"
        return "numeric", f"text that holds numbers, {len(distinct)} different"
    found = date_format(distinct)
    if found == AMBIGUOUS:
        return "categorical", (
            "dates of which day and month cannot be told apart; write YYYY-MM-DD"
        )
    if found is not None:
        return "date", f"dates such as {distinct.iloc[0]}"
    return "categorical", f"text, {len(distinct)} different values"


def check_values(series: pd.Series, name: str, kind: str) -> None:
    """Check that all cells of an input can be read as numbers or as yes and no.

    Args:
        series: The whole column, so that a message names the row of the user's table.
        name: The column.
        kind: One of `INPUT_KINDS`, guessed or given by the user.

    Raises:
        UserError: If a cell cannot be read as that kind.
    """
    if kind == "numeric":
        number_values(series, name)
    if kind == "boolean":
        distinct = {v for v in pd.unique(text_values(series)) if v is not None}
        other = sorted(
            v for v in distinct if v.lower() not in (*TRUE_WORDS, *FALSE_WORDS)
        )
        if other:
            raise UserError(
                f"Column {name!r} is given as boolean but holds {other[0]!r}. "
                "Accepted: 0/1, true/false, yes/no, y/n, t/f, on/off."
            )


def _number_kind(series: pd.Series) -> tuple[str, str]:
    distinct = series.dropna().unique()
    if len(distinct) == 0:
        return "empty", "no cell is filled"
    if len(distinct) == 2 and sorted(distinct) == [0, 1]:
        return "boolean", "two values, 0 and 1"
    return "numeric", f"numbers, {len(distinct)} different"


def _guess(name: str, series: pd.Series) -> ColumnGuess:
    kind, reason = value_kind(series)
    if kind == "empty":
        return ColumnGuess(name, kind, reason)
    if is_number(series):
        cells = series.to_numpy(np.float64, na_value=np.nan)
    else:
        cells = text_values(series)
    cells = cells[pd.notna(cells)]
    rows, distinct = len(cells), len(pd.unique(cells))
    if distinct == 1 and rows == len(series):
        only = text_values(series.iloc[:1])[0]
        return ColumnGuess(name, "constant", f"always {only!r}")
    if distinct == rows > 1 and kind == "numeric":
        why = _why_id(name, cells.astype(np.float64))
        return ColumnGuess(name, "id", why) if why else ColumnGuess(name, kind, reason)
    if distinct > max(FEW, rows / 2) and kind == "categorical":
        words = float(np.mean([len(text.split()) for text in cells]))
        if words >= WORDS_OF_A_SENTENCE:
            reason = f"free text, {words:.0f} words on average"
            return ColumnGuess(name, "text", reason)
        reason = f"{distinct} different texts in {rows} filled rows"
        return ColumnGuess(name, "id", reason)
    return ColumnGuess(name, kind, reason)


def _why_id(name: str, numbers: np.ndarray) -> str | None:
    """Return why numbers that are all different identify the rows, if they do."""
    if not np.isfinite(numbers).all() or (numbers != np.rint(numbers)).any():
        return None
    if len(numbers) > FEW and np.ptp(numbers) == len(numbers) - 1:
        return "consecutive numbers, one a row"
    if ID_NAME.search(name):
        return "named like an identifier, all different"
    return None
