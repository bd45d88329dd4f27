"""What each column of a table holds, by a rule that can be read."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from polytask.lab.tables.column import Column
from polytask.lab.tables.forms import cell_text
from polytask.lab.tables.read_column import read_column

ID_NAME = re.compile(r"(^|[_\s.-])(id|uuid|guid|index|key)$|^unnamed: \d+$", re.I)
FEW = 20
# Amounts and measures of so many rows repeat now and then.
MANY = 1_000
WORDS_OF_A_SENTENCE = 4


def guess_columns(frame: pd.DataFrame) -> list[Column]:
    """Read every column and guess its kind.

    The rule, in order:

    1. no filled cell: `empty`; the same value in every row: `constant`; lists or
       records: `nested`;
    2. two values that are 0 and 1, or a pair of words (true/false, yes/no, y/n, t/f,
       on/off): `boolean`;
    3. numbers: `numeric`, but `id` if they are whole, all different, and consecutive,
       in a column named like an identifier, or far apart in 1,000 rows or more;
    4. dates (a date type, or text in one unambiguous format): `date`;
    5. other text: `categorical` if at most 20 values or at most half the filled rows
       are different; otherwise `text` (four words or more on average) or `id`.

    Args:
        frame: The table.

    Returns:
        The columns, in the table's order.

    Example:
        >>> table = pd.DataFrame({"age": [31, 40], "job": ["nurse", "clerk"]})
        >>> [column.kind for column in guess_columns(table)]
        ['numeric', 'categorical']
    """
    return [judged(read_column(frame[name], str(name))) for name in frame.columns]


def judged(column: Column) -> Column:
    """Return the column as one of those left out, if it is of no use as an input."""
    filled = column.values[~column.missing]
    if not len(filled) or column.kind == "nested":
        return column
    distinct = len(column.distinct)
    if distinct == 1 and len(filled) == len(column):
        only = _shown(column.kind, filled[0])
        return replace(column, kind="constant", reason=f"always {only!r}")
    if distinct == len(filled) and column.kind == "numeric":
        why = _why_id(column.name, np.asarray(filled))
        return replace(column, kind="id", reason=why) if why else column
    if distinct > max(FEW, len(filled) / 2) and column.kind == "categorical":
        words = float(np.mean([len(text.split()) for text in filled]))
        if words >= WORDS_OF_A_SENTENCE:
            reason = f"free text, {words:.0f} words on average"
            return replace(column, kind="text", reason=reason)
        reason = f"{distinct} different texts in {len(filled)} filled rows"
        return replace(column, kind="id", reason=reason)
    return column


def _shown(kind: str, value: Any) -> str:
    if kind == "boolean":
        return "true" if value else "false"
    return cell_text(pd.Timestamp(value) if kind == "date" else value)


def _why_id(name: str, numbers: np.ndarray) -> str | None:
    """Return why numbers that are all different identify the rows, if they do."""
    if not np.isfinite(numbers).all() or (numbers != np.rint(numbers)).any():
        return None
    if len(numbers) > FEW and np.ptp(numbers) == len(numbers) - 1:
        return "consecutive numbers, one a row"
    if len(numbers) >= MANY and np.ptp(numbers) > 10 * len(numbers):
        return f"a different whole number in each of {len(numbers)} rows"
    if ID_NAME.search(name) and len(numbers) > 1:
        return "named like an identifier, all different"
    return None
