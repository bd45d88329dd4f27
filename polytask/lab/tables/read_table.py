"""A file in, a table out, or one sentence that says why not."""

import codecs
import csv
import gzip
import io
import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from polytask.errors import TableWarning, UserError, listed
from polytask.lab.tables.forms import LEADING_ZERO, number_form, read_numbers

TEXTS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
EXCEL = (".xlsx", ".xlsm")
PARQUET = (".parquet",)
# The first of those that are equally frequent: names hold commas, hardly ever tabs.
DELIMITERS = "\t;|,"
# Read as a missing cell besides an empty one; pandas' own list and the "?" of UCI.
MISSING_WORDS = ("?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "<NA>")
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Spreadsheets write this where they do not write UTF-8.
WESTERN = "cp1252"
#: What a table may hold at most: a file with more is damaged, or made to do damage.
MOST_COLUMNS = 50_000
LONGEST_HEADER = 8_000_000
LARGEST_UNPACKED = 4 * 2**30


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
    path = Path(path)
    _check_options(sep, decimal, encoding)
    if path.is_dir():
        raise UserError(f"{path} is a folder; expected a file: {_accepted()}.")
    if not path.exists():
        raise UserError(f"There is no file {path}.")
    name = path.name.lower()
    if not name.endswith((*TEXTS, *PARQUET, *EXCEL)):
        raise UserError(f"{path} has an unknown extension. Accepted: {_accepted()}.")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty.")
    if name.endswith(PARQUET):
        frame = _read_parquet(path)
    elif name.endswith(EXCEL):
        frame = _with_numbers(_read_excel(path), decimal)
    else:
        frame = _with_numbers(_read_text(path, sep, encoding), decimal)
    if frame.empty:
        raise UserError(f"{path} has a header but no rows.")
    return frame


def check_column_names(names: Iterable[str], where: str) -> None:
    """Raise `UserError` if a column name occurs twice, or there are too many.

    Args:
        names: The names as written.
        where: What holds the columns, for the message.
    """
    counts = Counter(names)
    twice = [repr(name) for name, times in counts.items() if times > 1]
    if twice:
        raise UserError(
            f"{where} has more than one column called {listed(twice)}; rename or "
            "remove the copies."
        )
    if len(counts) > MOST_COLUMNS:
        raise UserError(
            f"{where} has {len(counts):,} columns; at most {MOST_COLUMNS:,} are read."
        )


def _accepted() -> str:
    return ", ".join((*TEXTS, *PARQUET, *EXCEL))


def _check_options(sep: str | None, decimal: str | None, encoding: str | None) -> None:
    if sep is not None and (len(sep) != 1 or sep in '"\r\n'):
        raise UserError(f"sep is {sep!r}; expected one character, such as ';'.")
    if decimal not in (None, ".", ","):
        raise UserError(f"decimal is {decimal!r}; expected '.' or ','.")
    if decimal is not None and decimal == sep:
        raise UserError(f"{sep!r} cannot be both the separator and the decimal mark.")
    try:
        codecs.lookup(encoding or "utf-8")
    except LookupError as error:
        raise UserError(
            f"encoding is {encoding!r}, which Python does not know; common ones are "
            "utf-8, utf-16, cp1252 and latin-1."
        ) from error


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
            _check_size(path, sum(part.file_size for part in archive.infolist()))
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheets, rows = book.sheetnames, book.worksheets[0].iter_rows(values_only=True)
        header = ["" if name is None else str(name).strip() for name in next(rows, ())]
        while header and not header[-1]:
            header.pop()
        names = _names(header, path)
        cells = [row[: len(names)] for row in rows if any(c is not None for c in row)]
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
            stacklevel=3,
        )
    frame = pd.DataFrame(cells, columns=names, dtype=object)
    missing = frame.isin(["", *MISSING_WORDS])
    return frame.mask(missing).infer_objects()


def _read_text(path: Path, sep: str | None, encoding: str | None) -> pd.DataFrame:
    content = _content(path)
    encoding = _encoding(path, content, encoding)
    header, delimiter = _header(path, content, sep, encoding)
    names = _names(header, path)
    try:
        with warnings.catch_warnings():
            # pandas only warns when it cuts the cells of a row that has too many.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.BytesIO(content),
                sep=r"\s+" if delimiter == " " else delimiter,
                names=names,
                header=0,
                index_col=False,
                dtype=str,
                skipinitialspace=True,
                keep_default_na=False,
                na_values=["", *MISSING_WORDS],
                encoding=encoding,
            )
    except pd.errors.ParserWarning as error:
        raise UserError(
            f"{path} has more cells in its rows than the {len(names)} columns "
            f"(separated by {delimiter!r}) of its header."
        ) from error
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise UserError(
            f"{path} is not a regular table of {len(names)} columns separated by "
            f"{delimiter!r}: {reason}."
        ) from error


def _names(header: list[str], path: Path) -> list[str]:
    check_column_names([name for name in header if name], str(path))
    return [name or f"Unnamed: {place}" for place, name in enumerate(header)]


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if not path.name.lower().endswith(".gz"):
                content = file.read()
            else:
                with gzip.open(file) as unpacked:
                    content = unpacked.read(LARGEST_UNPACKED + 1)
                _check_size(path, len(content))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path} is not a complete gzip file: {error}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    return content


def _check_size(path: Path, size: int) -> None:
    if size > LARGEST_UNPACKED:
        raise UserError(
            f"{path} unpacks to more than {LARGEST_UNPACKED / 2**30:.0f} GiB, which is "
            "more than is read; unpack it, or store it as Parquet."
        )


def _encoding(path: Path, content: bytes, encoding: str | None) -> str:
    """Return the encoding that the whole content is in."""
    wanted = encoding or next(
        (e for mark, e in BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8"
    )
    try:
        if not content.decode(wanted).strip("\ufeff \t\r\n"):
            raise UserError(f"{path} is empty.")
        return wanted
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"line {line} holds the byte 0x{content[error.start]:02x}"
    if encoding is None and wanted == "utf-8" and _decodes(content, WESTERN):
        warnings.warn(
            f"{path} is not UTF-8 ({found}); it is read as {WESTERN} (Western). "
            "If that is wrong, say its encoding or save it as UTF-8.",
            TableWarning,
            stacklevel=4,
        )
        return WESTERN
    raise UserError(
        f"{path} is not {wanted.upper().removesuffix('-SIG')} text: {found}. Say its "
        "encoding, such as latin-1 or utf-16, or save it as UTF-8."
    )


def _decodes(content: bytes, encoding: str) -> bool:
    # Text has no zero bytes in any encoding of one byte.
    if b"\x00" in content:
        return False
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _header(
    path: Path, content: bytes, sep: str | None, encoding: str
) -> tuple[list[str], str]:
    """Return the column names as written (pandas would rename copies)."""
    lines = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
    first = "\n"
    while not first.strip("\ufeff \t\r\n"):
        first = lines.readline(LONGEST_HEADER + 1)
    if len(first) > LONGEST_HEADER:
        raise UserError(
            f"The first line of {path} is longer than {LONGEST_HEADER:,} characters; "
            "expected the names of the columns."
        )
    unquoted = re.sub(r'"[^"]*"', "", first)
    tabs = re.search(r"\.tsv(\.gz)?$", path.name, re.I)
    delimiter = sep or ("\t" if tabs else max(DELIMITERS, key=unquoted.count))
    if delimiter == " ":
        return first.split(), delimiter
    lines.seek(0)
    rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    try:
        return next(row for row in rows if row), delimiter
    except csv.Error as error:
        raise UserError(f"{path} has an unreadable header: {error}") from error


def _with_numbers(frame: pd.DataFrame, decimal: str | None) -> pd.DataFrame:
    """Turn columns of text into numbers where all filled cells are."""
    columns = {name: _as_numbers(column, decimal) for name, column in frame.items()}
    return pd.DataFrame(columns, index=frame.index, columns=frame.columns)


def _as_numbers(column: pd.Series, decimal: str | None) -> pd.Series | np.ndarray:
    if not (column.dtype == object or pd.api.types.is_string_dtype(column.dtype)):
        return column
    cells = column.to_numpy(dtype=object)
    missing = pd.isna(cells)
    filled = cells[~missing]
    if not len(filled):
        return np.full(len(cells), np.nan)
    if not all(isinstance(cell, str) for cell in filled[:1]):
        return column
    if decimal is None and np.isnan(read_numbers(filled[:1])).any():
        # The first cell tells of most texts that they are none.
        return column
    if decimal is None:
        numbers = pd.to_numeric(filled, errors="coerce")
        if np.isnan(numbers).any() or any(map(LEADING_ZERO.match, filled)):
            return column
    else:
        codes, texts = pd.factorize(filled)
        form, _ = number_form([text.strip() for text in texts], decimal)
        if not form:
            return column
        numbers = read_numbers([text.strip() for text in texts], form)[codes]
    if not missing.any():
        return np.asarray(numbers)
    spread = np.full(len(cells), np.nan)
    spread[~missing] = numbers
    return spread
