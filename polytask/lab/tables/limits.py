"""How large a table may be: a file with more is damaged, or made to do damage."""

import string
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from polytask.errors import UserError, listed

MOST_COLUMNS = 50_000
LONGEST_HEADER = 8_000_000
LARGEST_UNPACKED = 4 * 2**30
# What stands around a name unseen: spaces, also those of no width, and a stray mark.
_NOTHING_SEEN = f"{string.whitespace}\u00a0\u2009\u202f\u200b\ufeff"


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


def column_names(header: list[str], path: Path) -> list[str]:
    """Return the names of a header without spaces around them, checked.

    Columns without a name get one.
    """
    names = [name.strip(_NOTHING_SEEN) for name in header]
    check_column_names(filter(None, names), str(path))
    return [name or f"Unnamed: {place}" for place, name in enumerate(names)]


def check_size(path: Path, size: int) -> None:
    """Raise `UserError` if a packed file unpacks to more bytes than are read."""
    if size > LARGEST_UNPACKED:
        raise UserError(
            f"{path} unpacks to more than {LARGEST_UNPACKED / 2**30:.0f} GiB, which is "
            "more than is read; unpack it, or store it as Parquet."
        )
