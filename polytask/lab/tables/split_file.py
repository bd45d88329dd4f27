"""Which row was in which part: a small file, written by a run and read by another."""

import csv
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd

from polytask.errors import OptionError, plural
from polytask.lab.tables.split_rows import PARTS

SPLIT_FILE = "split.csv"
_COLUMNS = ["row", "part"]


def split_text(rows: Mapping[str, np.ndarray]) -> str:
    """Return the parts of a split as CSV, in the order of the table.

    Args:
        rows: Part → row numbers, counted from 0 below the header.

    Example:
        >>> print(split_text({"train": np.array([0, 2]), "test": np.array([1])}))
        row,part
        0,train
        1,test
        2,train
        <BLANKLINE>
    """
    parts = [pd.DataFrame({"row": n, "part": part}) for part, n in rows.items()]
    text: str = pd.concat(parts).sort_values("row").to_csv(index=False)
    return text


def read_split_file(path: str | Path, rows: int) -> dict[str, np.ndarray]:
    """Return the parts that a file lists.

    Args:
        path: A text file: `row,part` as `split_text` writes them, or one number a
            line, which are the test rows.
        rows: Of the table.

    Returns:
        Part → row numbers; `"test"` alone where the file lists no parts.

    Raises:
        UserError: If it is missing, or a line is not accepted.
    """
    file = Path(path)
    if not file.is_file():
        raise OptionError(
            "split",
            f": there is no file {str(path)!r}; accepted are three shares that "
            "sum to 1, group:COLUMN, time:COLUMN, or a file of row numbers.",
        )
    try:
        text = file.read_text(encoding="utf-8-sig")
        frame = _lines(text)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OptionError("split", f": {path} cannot be read: {error}") from error
    if frame.empty:
        raise OptionError("split", f": {path} lists no rows.")
    if frame.iloc[0].str.strip().str.lower().tolist() == _COLUMNS[: frame.shape[1]]:
        frame = frame.iloc[1:]
    if frame.shape[1] > 2 or frame.empty:
        raise OptionError(
            "split",
            f": {path} has {frame.shape[1]} columns and {len(frame)} rows; "
            "expected are the columns row and part, or one row number a line.",
        )
    numbers = pd.to_numeric(frame[0].str.strip(), errors="coerce")
    _refuse(
        path, frame[0], ~numbers.between(0, rows - 1), f"a row from 0 to {rows - 1}"
    )
    _refuse(path, frame[0], numbers % 1 != 0, f"a row from 0 to {rows - 1}")
    _refuse(path, frame[0], numbers.duplicated(), "a row once")
    row = numbers.to_numpy(np.int64)
    if frame.shape[1] == 1:
        return {"test": np.sort(row)}
    part = frame[1].str.strip()
    _refuse(path, part, ~part.isin(PARTS), f"one of {', '.join(PARTS)}")
    return {name: np.sort(row[part == name]) for name in PARTS}


def _lines(text: str) -> pd.DataFrame:
    """Return the cells of the lines that say something, by number of the line."""
    said = {
        number: content
        for number, line in enumerate(text.splitlines(), start=1)
        if (content := line.partition("#")[0].strip())
    }
    columns = dict(enumerate(zip_longest(*csv.reader(said.values()))))
    return pd.DataFrame(columns, index=[*said], dtype=object)


def _refuse(
    path: str | Path, cells: pd.Series, wrong: pd.Series, accepted: str
) -> None:
    if wrong.any():
        place = int(wrong.to_numpy().argmax())
        line, count = cells.index[place], int(wrong.sum())
        raise OptionError(
            "split",
            f": {path} holds {cells.iloc[place]!r} in line {line} "
            f"({plural(count, 'such line')}); accepted is {accepted}.",
        )
