"""A text file as a table: its encoding, its separator, its header, its rows."""

import codecs
import csv
import gzip
import io
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from polytask.errors import TableWarning, UserError
from polytask.lab.tables.limits import (
    LONGEST_HEADER,
    check_size,
    column_names,
)

# The first of those that are equally frequent: names hold commas, hardly ever tabs.
DELIMITERS = "\t;|,"
# Read as a missing cell besides an empty one: what programs write, and the "?" of UCI.
# "None" is not among them: it may be a category, such as no garage.
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
_BLOCK = 2**20


class TextFile:
    """A text file with a header, also gzipped, of which no more is read than asked.

    Args:
        path: The file.
        sep: One character between cells, `" "` for any number of spaces; None for the
            one that is most frequent in the header.
        encoding: None for what a byte order mark says, UTF-8, or Western European
            with a warning.

    Attributes:
        names: Of the columns.

    Raises:
        UserError: If it is empty, damaged, or not in its encoding.
    """

    def __init__(self, path: Path, sep: str | None, encoding: str | None) -> None:
        self.path = path
        self.encoding = self._checked(encoding)
        header, self.sep = self._header(sep)
        self.names = column_names(header, path)

    def chunks(self, rows: int | None = None) -> Iterator[pd.DataFrame]:
        """Yield the rows as text, NaN where a cell is missing.

        Args:
            rows: Of a chunk; None for all.

        Raises:
            UserError: If a row does not fit the header.
        """
        options: dict[str, Any] = {
            "sep": r"\s+" if self.sep == " " else self.sep,
            "names": self.names,
            "header": 0,
            "index_col": False,
            "dtype": str,
            "skipinitialspace": True,
            "keep_default_na": False,
            "na_values": ["", *MISSING_WORDS],
            "encoding": self.encoding,
        }
        with self._open() as file:
            if rows is None:
                with self._regular():
                    whole = pd.read_csv(file, **options)
                yield whole
                return
            with self._regular():
                reader = pd.read_csv(file, chunksize=rows, **options)
            while True:
                with self._regular():
                    chunk = next(reader, None)
                if chunk is None:
                    return
                yield chunk

    @contextmanager
    def _regular(self) -> Iterator[None]:
        """Say in one sentence what pandas finds wrong."""
        try:
            with warnings.catch_warnings():
                # pandas only warns when it cuts the cells of a row that has too many.
                warnings.simplefilter("error", pd.errors.ParserWarning)
                yield
        except pd.errors.ParserWarning as error:
            raise UserError(
                f"{self.path} has more cells in its rows than the {len(self.names)} "
                f"columns (separated by {self.sep!r}) of its header."
            ) from error
        except (pd.errors.ParserError, UnicodeDecodeError) as error:
            reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
            raise UserError(
                f"{self.path} is not a regular table of {len(self.names)} columns "
                f"separated by {self.sep!r}: {reason}."
            ) from error

    def _open(self) -> Any:
        try:
            if self.path.name.lower().endswith(".gz"):
                return gzip.open(self.path, "rb")
            return self.path.open("rb")
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> UserError:
        return UserError(f"{self.path} cannot be read: {error.strerror or error}")

    def _blocks(self) -> Iterator[bytes]:
        """Yield the content, a little at a time."""
        size = 0
        try:
            with self._open() as file:
                while block := file.read(_BLOCK):
                    size += len(block)
                    if self.path.name.lower().endswith(".gz"):
                        check_size(self.path, size)
                    yield block
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UserError(
                f"{self.path} is not a complete gzip file: {error}"
            ) from error
        except OSError as error:
            raise self._unreadable(error) from error

    def _checked(self, encoding: str | None) -> str:
        """Return the encoding that the whole content is in."""
        start = next(self._blocks(), b"")[:4]
        wanted = encoding or next(
            (e for mark, e in BYTE_ORDER_MARKS.items() if start.startswith(mark)),
            "utf-8",
        )
        found = self._misfit(wanted)
        if not found:
            return wanted
        # Text has no zero bytes in any encoding of one byte.
        one_byte = encoding is None and wanted == "utf-8"
        one_byte = one_byte and not any(b"\x00" in block for block in self._blocks())
        if one_byte and not self._misfit(WESTERN):
            warnings.warn(
                f"{self.path} is not UTF-8 ({found}); it is read as {WESTERN} "
                "(Western). If that is wrong, say its encoding or save it as UTF-8.",
                TableWarning,
                stacklevel=5,
            )
            return WESTERN
        raise UserError(
            f"{self.path} is not {wanted.upper().removesuffix('-SIG')} text: {found}. "
            "Say its encoding, such as latin-1 or utf-16, or save it as UTF-8."
        )

    def _misfit(self, encoding: str) -> str:
        """Return where the content is not in an encoding, or ""."""
        decoder = codecs.getincrementaldecoder(encoding)()
        lines, filled = 1, False
        for block in chain(self._blocks(), [b""]):
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                # What was left over of the block before stands in front.
                line = lines + error.object[: error.start].count(b"\n")
                return f"line {line} holds the byte 0x{error.object[error.start]:02x}"
            lines += block.count(b"\n")
            filled = filled or bool(text.strip("\ufeff \t\r\n"))
        if not filled:
            raise UserError(f"{self.path} is empty.")
        return ""

    def _header(self, sep: str | None) -> tuple[list[str], str]:
        """Return the column names as written (pandas would rename copies)."""
        with io.TextIOWrapper(self._open(), self.encoding, newline="") as lines:
            first = _filled_line(lines)
            second = _filled_line(lines)
        if len(first) > LONGEST_HEADER:
            raise UserError(
                f"The first line of {self.path} is longer than {LONGEST_HEADER:,} "
                "characters; expected the names of the columns."
            )
        if sep is None:
            _refuse_title(first, _unquoted(second), self.path)
        unquoted = _unquoted(first)
        tabs = re.search(r"\.tsv(\.gz)?$", self.path.name, re.I)
        delimiter = sep or ("\t" if tabs else max(DELIMITERS, key=unquoted.count))
        if delimiter == " ":
            return first.split(), delimiter
        with io.TextIOWrapper(self._open(), self.encoding, newline="") as lines:
            rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
            try:
                # pandas passes over lines of spaces as well.
                written = (row for row in rows if "".join(row).strip() or len(row) > 1)
                return next(written, [""]), delimiter
            except csv.Error as error:
                raise UserError(
                    f"{self.path} has an unreadable header: {error}"
                ) from error


def _filled_line(lines: io.TextIOBase) -> str:
    """Return the next line that is not blank, no longer than a header may be."""
    while line := lines.readline(LONGEST_HEADER + 1):
        if line.strip("\ufeff \t\r\n"):
            return line
    return ""


def _unquoted(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)


def _refuse_title(first: str, second: str, path: Path) -> None:
    """Refuse a title where the names of the columns are expected.

    Args:
        first: The first line.
        second: The next one that is not blank, without what is quoted.
        path: The file.

    Raises:
        UserError: If the first line names one column, and the next has three cells.
    """
    if any(delimiter in first for delimiter in DELIMITERS):
        return
    cells = 1 + max(map(second.count, DELIMITERS))
    if cells > 2:
        raise UserError(
            f"The first line of {path} is {first.strip()!r}, and the next one has "
            f"{cells} cells; expected the names of the columns in the first. If the "
            "file has one column of text, say its separator."
        )
