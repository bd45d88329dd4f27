"""A file in, a table out, or one sentence that says why not."""

import codecs
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polytask.errors import OptionError, TableWarning, UserError
from polytask.lab.tables.forms import EXACT, LEADING_ZERO, number_form, read_numbers
from polytask.lab.tables.limits import check_size, column_names
from polytask.lab.tables.parquet_file import ParquetTable
from polytask.lab.tables.text_file import MISSING_WORDS, TextFile

TEXTS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
EXCEL = (".xlsx", ".xlsm")
PARQUET = (".parquet",)


def read_table(
    path: str | Path,
    *,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
) -> pd.DataFrame:
    r"""Read a text file (CSV, TSV, also gzipped), a Parquet or an Excel file.

    A text file has a header; its separator is the comma, semicolon, tab or bar that is
    most frequent there. It is UTF-8, or has a byte order mark, or is read as Western
    European (Windows-1252) with a warning. A column whose filled cells are all numbers
    becomes numeric, unless a number starts with a needless zero (postal codes, phone
    numbers); every other column stays text. Cells that are empty or hold `?`, `NA`,
    `N/A`, `NaN`, `NULL` or `<NA>` are missing. Of an Excel file the first sheet is
    read, which needs openpyxl (the extra `excel`).

    Args:
        path: A `.csv`, `.tsv`, `.txt` (each also `.gz`), `.parquet` or `.xlsx` file.
        sep: One character between cells; `" "` for any number of spaces.
        decimal: `","` or `"."`, where it would otherwise be guessed column by column.
        encoding: Such as `"latin-1"`.

    Returns:
        The table, rows counted from 0.

    Raises:
        UserError: If the file is missing, a folder, empty, damaged, of another kind,
            not in its encoding, has no rows, too many columns, or names a column
            twice; or if an option is not accepted.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "table.csv"
        >>> _ = file.write_text("age;job\n31,5;nurse\n;clerk\n", encoding="utf-8")
        >>> read_table(file, decimal=",")["age"].tolist()
        [31.5, nan]
    """
    table = TableFile(path, sep=sep, decimal=decimal, encoding=encoding)
    (whole,) = table.chunks()
    return table.with_numbers(whole)


class TableFile:
    """A table on disk, read at once or some rows at a time.

    Args:
        path: As `read_table` takes it; so are the others.
        sep: Between cells.
        decimal: Mark of the numbers.
        encoding: Of the text.

    Attributes:
        names: Of the columns.

    Raises:
        UserError: As `read_table`; what rows hold is seen when they are read.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        sep: str | None = None,
        decimal: str | None = None,
        encoding: str | None = None,
    ) -> None:
        self.path = path = Path(path)
        self.decimal = decimal
        _check_options(sep, decimal, encoding)
        if path.is_dir():
            raise UserError(f"{path} is a folder; expected a file: {_accepted()}.")
        if not path.exists():
            raise UserError(f"There is no file {path}.")
        name = path.name.lower()
        if not is_table(path):
            raise UserError(
                f"{path} has an unknown extension. Accepted: {_accepted()}."
            )
        if path.stat().st_size == 0:
            raise UserError(f"{path} is empty.")
        self._file: ParquetTable | TextFile | ExcelTable
        if name.endswith(PARQUET):
            self._file = ParquetTable(path)
        elif name.endswith(EXCEL):
            self._file = ExcelTable(path)
        else:
            self._file = TextFile(path, sep, encoding)
        self.names = self._file.names

    @property
    def is_text(self) -> bool:
        """Whether its cells are stored as text."""
        return isinstance(self._file, TextFile)

    def chunks(self, rows: int | None = None) -> Iterator[pd.DataFrame]:
        """Yield the rows, numbered from 0; cells of text files are text, or missing.

        Args:
            rows: Of a chunk; None for all at once.
        """
        seen = 0
        for chunk in self._file.chunks(rows):
            seen += len(chunk)
            if len(chunk):
                yield chunk
        if not seen:
            raise UserError(f"{self.path} has a header but no rows.")

    def with_numbers(self, chunk: pd.DataFrame) -> pd.DataFrame:
        """Turn columns of text into numbers where all filled cells are."""
        if isinstance(self._file, ParquetTable):
            return chunk
        columns = {n: _as_numbers(column, self.decimal) for n, column in chunk.items()}
        return pd.DataFrame(columns, index=chunk.index, columns=chunk.columns)


def is_table(path: str | Path) -> bool:
    """Return whether a file is a table, by its name.

    Example:
        >>> is_table("mine.csv"), is_table("study.toml")
        (True, False)
    """
    return Path(path).name.lower().endswith((*TEXTS, *PARQUET, *EXCEL))


def _accepted() -> str:
    return ", ".join((*TEXTS, *PARQUET, *EXCEL))


def _check_options(sep: str | None, decimal: str | None, encoding: str | None) -> None:
    if sep is not None and (len(sep) != 1 or sep in '"\r\n'):
        raise OptionError("sep", f" is {sep!r}; expected one character, such as ';'.")
    if decimal not in (None, ".", ","):
        raise OptionError("decimal", f" is {decimal!r}; expected '.' or ','.")
    if decimal is not None and decimal == sep:
        raise UserError(f"{sep!r} cannot be both the separator and the decimal mark.")
    try:
        codecs.lookup(encoding or "utf-8")
    except LookupError as error:
        raise OptionError(
            "encoding",
            f" is {encoding!r}, which Python does not know; common ones are "
            "utf-8, utf-16, cp1252 and latin-1.",
        ) from error


class ExcelTable:
    """The first sheet of an Excel file, which is always read at once.

    Args:
        path: The file.

    Attributes:
        names: Of the columns.

    Raises:
        UserError: If openpyxl is missing, or the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.frame = _read_excel(path)
        self.names = [str(name) for name in self.frame.columns]

    def chunks(self, rows: int | None = None) -> Iterator[pd.DataFrame]:
        """Yield the rows; see `TableFile`."""
        step = rows or max(1, len(self.frame))
        for start in range(0, len(self.frame), step):
            yield self.frame.iloc[start : start + step]


def _read_excel(path: Path) -> pd.DataFrame:
    try:
        import openpyxl
    except ImportError as error:
        raise UserError(
            f"{path}: reading Excel files needs openpyxl, which the extra 'excel' "
            "brings: pip install 'polytask[excel]'."
        ) from error
    try:
        with zipfile.ZipFile(path) as archive:
            check_size(path, sum(part.file_size for part in archive.infolist()))
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheets, rows = book.sheetnames, book.worksheets[0].iter_rows(values_only=True)
        header = ["" if name is None else str(name).strip() for name in next(rows, ())]
        while header and not header[-1]:
            header.pop()
        names = column_names(header, path)
        cells = [row for row in rows if any(cell is not None for cell in row)]
        book.close()
    except UserError:
        raise
    except Exception as error:
        # A damaged file fails anywhere in zip, XML or openpyxl itself.
        raise UserError(f"{path} is not a readable Excel file: {error}") from error
    if len(sheets) > 1:
        warnings.warn(
            f"{path} has {len(sheets)} sheets; the first, {sheets[0]!r}, is read.",
            TableWarning,
            stacklevel=5,
        )
    beside = [cell for row in cells for cell in row[len(names) :] if cell is not None]
    if beside:
        warnings.warn(
            f"{path}: cells that stand beside its {len(names)} named columns are left "
            f"out, such as {str(beside[0])!r} ({len(beside):,} such cells); a column "
            "needs a name in the first row.",
            TableWarning,
            stacklevel=5,
        )
    cells = [row[: len(names)] for row in cells]
    frame = pd.DataFrame(cells, columns=names, dtype=object)
    missing = frame.isin(["", *MISSING_WORDS])
    return frame.mask(missing).infer_objects()


def _as_numbers(column: pd.Series, decimal: str | None) -> pd.Series | np.ndarray:
    """Return numbers if all filled cells of a column of text are, else the column."""
    if not (column.dtype == object or pd.api.types.is_string_dtype(column.dtype)):
        return column
    numbers = _numbers(column, decimal)
    if numbers is not None:
        return numbers
    padded = _padded_words(column)
    if not padded:
        return column
    column = column.mask(column.isin(padded))
    numbers = _numbers(column, decimal)
    return column if numbers is None else numbers


def _padded_words(column: pd.Series) -> list[str]:
    """Return the texts that are words for a missing cell, but for spaces behind them.

    Those in front of a cell are gone when it is read.
    """
    return [
        text
        for text in column.dropna().unique()
        if isinstance(text, str)
        and text[-1:].isspace()
        and text.rstrip() in MISSING_WORDS
    ]


def _numbers(column: pd.Series, decimal: str | None) -> Any:
    """Return the numbers that all filled cells are, None where one is none."""
    cells = column.to_numpy(dtype=object)
    missing = pd.isna(cells)
    filled = cells[~missing]
    if not len(filled):
        return np.full(len(cells), np.nan)
    if not isinstance(filled[0], str):
        return None
    if decimal is None:
        # The first cell tells of most texts that they are none.
        if np.isnan(read_numbers(filled[:1])).any():
            return None
        numbers = pd.to_numeric(filled, errors="coerce")
        if np.isnan(numbers).any() or any(map(LEADING_ZERO.match, filled)):
            return None
    else:
        codes, texts = pd.factorize(filled)
        stripped = [text.strip() for text in texts]
        form, _ = number_form(stripped, decimal)
        if not form:
            return None
        numbers = read_numbers(stripped, form)[codes]
    if not missing.any():
        return numbers
    if numbers.dtype.kind == "i" and np.abs(numbers).max() > EXACT:
        # Floats, which have a value for a missing cell, would not tell them apart.
        whole = pd.Series(pd.NA, column.index, dtype="Int64")
        whole[~missing] = numbers
        return whole
    spread = np.full(len(cells), np.nan)
    spread[~missing] = numbers
    return spread
