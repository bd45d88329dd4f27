"""How large a table may be: a file with more is damaged, or made to do damage."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from polytask.errors import UserError, listed

MOST_COLUMNS = 50_000
LONGEST_HEADER = 8_000_000
LARGEST_UNPACKED = 4 * 2**30


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
    """Return the names of a header, checked; columns without one get one."""
    check_column_names([name for name in header if name], str(path))
    return [name or f"Unnamed: {place}" for place, name in enumerate(header)]


def check_size(path: Path, size: int) -> None:
    """Raise `UserError` if a packed file unpacks to more bytes than are read."""
    if size > LARGEST_UNPACKED:
        raise UserError(
            f"{path} unpacks to more than {LARGEST_UNPACKED / 2**30:.0f} GiB, which is "
            "more than is read; unpack it, or store it as Parquet."
        )
