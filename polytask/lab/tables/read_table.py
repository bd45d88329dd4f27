"""A file in, a table out, or one sentence that says why not."""

import csv
import gzip
import io
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from polytask.errors import UserError

EXTENSIONS = (".csv", ".csv.gz", ".parquet")
DELIMITERS = ",;\t|"
# Read as a missing cell besides an empty one; pandas' own list and the "?" of UCI.
MISSING_WORDS = ("?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "<NA>")
LEADING_ZERO = re.compile(r"[+-]?0\d")


def read_table(path: str | Path) -> pd.DataFrame:
    r"""Read a CSV (also gzipped) or Parquet file.

    CSV files are UTF-8 with a header; the separator is the comma, semicolon, tab or
    bar that is most frequent in the header. A column whose filled cells are all
    numbers becomes numeric, unless a number starts with a needless zero (postal
    codes, phone numbers); every other column stays text. Cells that are empty or
    hold `?`, `NA`, `N/A`, `NaN`, `NULL` or `<NA>` are missing.

    Args:
        path: A `.csv`, `.csv.gz` or `.parquet` file.

    Returns:
        The table, rows counted from 0.

    Raises:
        UserError: If the file is missing, a folder, empty, damaged, of another kind,
            not UTF-8, has no rows, or names a column twice.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "table.csv"
        >>> _ = file.write_text("age,job\n31,nurse\n,clerk\n", encoding="utf-8")
        >>> read_table(file)["age"].tolist()
        [31.0, nan]
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; expected a file: {_accepted()}.")
    if not path.exists():
        raise UserError(f"There is no file {path}.")
    name = path.name.lower()
    if not name.endswith(EXTENSIONS):
        raise UserError(f"{path} has an unknown extension. Accepted: {_accepted()}.")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty.")
    reader = _read_parquet if name.endswith(".parquet") else _read_csv
    frame = reader(path)
    if frame.empty:
        raise UserError(f"{path} has a header but no rows.")
    return frame


def check_column_names(names: Iterable[str], where: str) -> None:
    """Raise `UserError` if a column name occurs twice.

    Args:
        names: The names as written.
        where: What holds the columns, for the message.
    """
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise UserError(
            f"{where} has more than one column called "
            f"{', '.join(repr(name) for name in twice)}; rename or remove the copies."
        )


def _accepted() -> str:
    return ", ".join(EXTENSIONS)


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow
    import pyarrow.parquet

    try:
        # The names come first: pyarrow cannot read a table that repeats one.
        names = pyarrow.parquet.read_schema(path).names
        check_column_names(names, str(path))
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path} is not a readable Parquet file: {error}") from error
    return table.to_pandas().reset_index(drop=True)


def _read_csv(path: Path) -> pd.DataFrame:
    content = _content(path)
    header, delimiter = _header(path, content)
    check_column_names([name for name in header if name], str(path))
    names = [name or f"Unnamed: {place}" for place, name in enumerate(header)]
    try:
        with warnings.catch_warnings():
            # pandas only warns when it cuts the cells of a row that has too many.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.BytesIO(content),
                sep=delimiter,
                names=names,
                header=0,
                index_col=False,
                dtype=str,
                skipinitialspace=True,
                keep_default_na=False,
                na_values=["", *MISSING_WORDS],
                encoding="utf-8-sig",
            )
    except pd.errors.ParserWarning as error:
        raise UserError(
            f"{path} has more cells in its rows than the {len(names)} columns "
            f"(separated by {delimiter!r}) of its header."
        ) from error
    except pd.errors.ParserError as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise UserError(
            f"{path} is not a regular table of {len(names)} columns separated by "
            f"{delimiter!r}: {reason}."
        ) from error
    for name in names:
        frame[name] = _as_numbers_if_all_are(frame[name])
    return frame


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        if path.name.lower().endswith(".gz"):
            content = gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path} is not a complete gzip file: {error}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    if not content.strip():
        raise UserError(f"{path} is empty.")
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path} is not UTF-8 text: line {line} holds the byte "
            f"0x{content[error.start]:02x}. Save it as UTF-8."
        ) from error
    return content


def _header(path: Path, content: bytes) -> tuple[list[str], str]:
    """Return the column names as written (pandas would rename copies)."""
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    first = next(line for line in lines if line.strip())
    unquoted = re.sub(r'"[^"]*"', "", first)
    delimiter = max(DELIMITERS, key=unquoted.count)
    lines.seek(0)
    rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    try:
        return next(row for row in rows if row), delimiter
    except csv.Error as error:
        raise UserError(f"{path} has an unreadable header: {error}") from error


def _as_numbers_if_all_are(column: pd.Series) -> pd.Series:
    filled = column.dropna()
    if filled.empty:
        return column.astype(np.float64)
    if filled.str.match(LEADING_ZERO).any():
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    return column if numbers[filled.index].isna().any() else numbers
