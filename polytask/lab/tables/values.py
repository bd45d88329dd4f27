"""How the cells of a table column are read: as text or as numbers."""

import re
from typing import Any

import numpy as np
import pandas as pd

from polytask.errors import UserError

INTEGER = re.compile(r"[+-]?(0|[1-9]\d*)", re.ASCII)
DECIMAL = re.compile(r"[+-]?(0|[1-9]\d*)\.\d+", re.ASCII)


def row_name(index: pd.Index, position: int) -> str:
    """Return how a message names a row: counted from 1, without the header."""
    label = index[position]
    if isinstance(label, (int, np.integer)):
        return f"row {int(label) + 1}"
    return f"row {label!r}"


def text_values(series: pd.Series) -> np.ndarray:
    """Return the cells as text, the same for a value however it was stored.

    The same cell may be a number in one file and text in the next, because of what
    else the column holds. So numbers lose trailing zeros (but digits that begin with
    a needless zero stay), booleans are written `true` and `false`, spaces around a
    text are cut, and blank text counts as missing.

    Args:
        series: A column of any type.

    Returns:
        Object array of shape (rows,): `str`, or None where missing.

    Example:
        >>> text_values(pd.Series([1.0, None, 2.5])).tolist()
        ['1', None, '2.5']
        >>> text_values(pd.Series(["1.0", "", "2.50", "01", "True"])).tolist()
        ['1', None, '2.5', '01', 'true']
    """
    if series.dtype == object:
        # Lists and the like cannot be looked up; their text can.
        series = series.map(lambda v: v if _is_scalar(v) else str(v))
    codes, distinct = pd.factorize(series)
    texts = np.empty(len(distinct) + 1, dtype=object)
    for position, value in enumerate(distinct):
        texts[position] = _text(value) or None
    texts[-1] = None
    found: np.ndarray = texts[codes]
    return found


def number_values(series: pd.Series, column: str) -> np.ndarray:
    """Return the cells as finite numbers.

    Args:
        series: A column of numbers, booleans, or text that holds numbers.
        column: Its name, for messages.

    Returns:
        float64 array of shape (rows,), NaN where missing.

    Raises:
        UserError: At the first cell that is infinite or not a number.

    Example:
        >>> number_values(pd.Series(["1", None, "2.5"]), "size").tolist()
        [1.0, nan, 2.5]
    """
    if is_number(series) or pd.api.types.is_bool_dtype(series.dtype):
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        texts = text_values(series)
        parsed = pd.Series(texts, dtype=object).replace({"true": "1", "false": "0"})
        numbers = pd.to_numeric(parsed, errors="coerce").to_numpy(dtype=np.float64)
        wrong = np.isnan(numbers) & pd.notna(texts)
        if wrong.any():
            position = int(np.argmax(wrong))
            raise UserError(
                f"Column {column!r} must hold numbers; "
                f"{row_name(series.index, position)} holds {texts[position]!r} "
                f"({int(wrong.sum())} such rows)."
            )
    infinite = np.isinf(numbers)
    if infinite.any():
        position = int(np.argmax(infinite))
        raise UserError(
            f"Column {column!r} holds an infinite value in "
            f"{row_name(series.index, position)} ({int(infinite.sum())} such rows). "
            "Write a finite number, or leave the cell empty for a missing value."
        )
    return numbers


def is_number(series: pd.Series) -> bool:
    """Say whether the column is stored as real numbers (booleans are not)."""
    return (
        pd.api.types.is_numeric_dtype(series.dtype)
        and not pd.api.types.is_bool_dtype(series.dtype)
        and not pd.api.types.is_complex_dtype(series.dtype)
    )


def _is_scalar(value: Any) -> bool:
    """Say whether a cell can be compared and looked up."""
    return value is None or bool(pd.api.types.is_scalar(value))


def _text(value: Any) -> str:
    """Return one cell as text."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        return str(int(value)) if float(value).is_integer() else str(value)
    text = str(value).strip()
    if DECIMAL.fullmatch(text):
        return _text(float(text))
    if INTEGER.fullmatch(text):
        return str(int(text))
    return text.lower() if text.lower() in ("true", "false") else text
