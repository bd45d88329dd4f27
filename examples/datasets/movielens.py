"""MovieLens-100K: who rated which film when, and who and what they are."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from examples.datasets.official_files import official_files
from polytask.errors import UserError
from polytask.lab.tables.fetch import DataEntry, fetch

FOLDS = ("u1", "u2", "u3", "u4", "u5", "ua", "ub")
ITEM_COLUMNS = ("item", "title", "released", "video", "url")
STARS = (1, 5)
SECONDS_AT_LEAST = 0


@dataclass(frozen=True)
class Fold:
    """One official split of the ratings.

    Args:
        train: Row numbers in `MovieLens.ratings`, int64.
        test: Row numbers of the rest that the fold tests on.
    """

    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class MovieLens:
    """The ratings, the users, the films, and the official splits.

    Args:
        ratings: `user` and `item` (int32, from 0: the official id minus 1), `rating`
            (float32, 1 to 5 stars) and `time` (int64, seconds since 1970).
        users: Row number = user: `age`, `gender`, `occupation`, `zip`.
        items: Row number = item: `title`, `released` (a date, missing for few),
            and a boolean column for each genre.
        genres: Names of these columns.
        folds: `"u1"` to `"u5"` (disjoint test sets), `"ua"` and `"ub"` (ten test
            ratings of each user); those that are there.
        facts: JSON-able description for reports.
    """

    ratings: pd.DataFrame
    users: pd.DataFrame
    items: pd.DataFrame
    genres: tuple[str, ...]
    folds: dict[str, Fold]
    facts: dict[str, Any]


def load_movielens(data_dir: str | Path | None = None) -> MovieLens:
    """Load MovieLens-100K with its official folds.

    Args:
        data_dir: A folder that holds `ml-100k/u.data` and so on, each file plain or
            gzipped, see `polytask.lab.tables.fetch`.

    Returns:
        The data.

    Raises:
        UserError: If a file cannot be had, is damaged, or holds a rating that is not
            1 to 5, an id that no user or film has, or the same pair twice.

    Source:
        F. M. Harper, J. A. Konstan (2015), "The MovieLens Datasets: History and
        Context".
    """
    files = fetch(MOVIELENS, data_dir)
    genres = _genres(files["u.genre"])
    users, items = _users(files["u.user"]), _items(files["u.item"], genres)
    sizes = (len(users), len(items))
    ratings = _ratings(files["u.data"], "u.data", sizes)
    rows = pd.Series(np.arange(len(ratings)), index=_pairs(ratings, sizes))
    if not rows.index.is_unique:
        twice = ratings[rows.index.duplicated()].iloc[0]
        raise UserError(
            f"u.data holds the pair of user {int(twice['user']) + 1} and film "
            f"{int(twice['item']) + 1} more than once."
        )
    folds = {
        name: Fold(
            *(
                _rows_of(_ratings(files[f], f, sizes), f, rows, sizes)
                for f in (f"{name}.base", f"{name}.test")
            )
        )
        for name in FOLDS
        if f"{name}.base" in files and f"{name}.test" in files
    }
    facts = {
        **MOVIELENS.about(),
        "rows": len(ratings),
        "users": len(users),
        "items": len(items),
        "folds": list(folds),
    }
    return MovieLens(ratings, users, items, genres, folds, facts)


def _table(content: bytes, file: str, columns: list[str], sep: str) -> pd.DataFrame:
    try:
        return pd.read_csv(
            io.BytesIO(content),
            sep=sep,
            names=columns,
            header=None,
            index_col=False,
            encoding="latin-1",
            dtype={"zip": str},
            keep_default_na=False,
            quoting=3,
            on_bad_lines="error",
        )
    except ValueError as error:
        raise UserError(
            f"{file} is not a table of {len(columns)} columns separated by {sep!r}: "
            f"{str(error).strip()}"
        ) from error


def _integers(
    table: pd.DataFrame, column: str, file: str, low: int, high: int | None
) -> pd.Series:
    """Return a column as integers, or name the first line where it is none."""
    values = pd.to_numeric(table[column], errors="coerce")
    wrong = values.isna() | (values % 1 != 0) | (values < low)
    if high is not None:
        wrong |= values > high
    if wrong.any():
        line = int(np.argmax(wrong.to_numpy()))
        accepted = f"from {low}" if high is None else f"from {low} to {high}"
        raise UserError(
            f"{file}, line {line + 1}: {column} is {table[column].iloc[line]!r}; "
            f"expected an integer {accepted}. {int(wrong.sum()):,} of {len(table):,} "
            "lines are wrong."
        )
    return values.astype("int64")


def _ratings(content: bytes, file: str, sizes: tuple[int, int]) -> pd.DataFrame:
    table = _table(content, file, ["user", "item", "rating", "time"], "\t")
    if not len(table):
        raise UserError(f"{file} holds no rating.")
    return pd.DataFrame(
        {
            "user": (_integers(table, "user", file, 1, sizes[0]) - 1).astype("int32"),
            "item": (_integers(table, "item", file, 1, sizes[1]) - 1).astype("int32"),
            "rating": _integers(table, "rating", file, *STARS).astype("float32"),
            "time": _integers(table, "time", file, SECONDS_AT_LEAST, None),
        }
    )


def _pairs(ratings: pd.DataFrame, sizes: tuple[int, int]) -> np.ndarray:
    """Return one number for each pair of user and item."""
    users = ratings["user"].to_numpy("int64")
    numbers: np.ndarray = users * sizes[1] + ratings["item"].to_numpy()
    return numbers


def _rows_of(
    part: pd.DataFrame, file: str, rows: pd.Series, sizes: tuple[int, int]
) -> np.ndarray:
    """Return the row numbers of a fold's ratings."""
    found = rows.reindex(_pairs(part, sizes)).to_numpy()
    missing = np.isnan(found)
    if missing.any():
        user, item = part.loc[int(np.argmax(missing)), ["user", "item"]]
        raise UserError(
            f"{file} rates film {int(item) + 1} by user {int(user) + 1}, which u.data "
            "does not."
        )
    numbers: np.ndarray = found.astype("int64")
    return numbers


def _genres(content: bytes) -> tuple[str, ...]:
    names = [line.split("|")[0] for line in content.decode("latin-1").splitlines()]
    return tuple(name for name in names if name)


def _users(content: bytes) -> pd.DataFrame:
    columns = ["user", "age", "gender", "occupation", "zip"]
    table = _table(content, "u.user", columns, "|")
    _check_numbered(table, "user", "u.user")
    table["age"] = _integers(table, "age", "u.user", 1, 120)
    return table.drop(columns="user")


def _items(content: bytes, genres: tuple[str, ...]) -> pd.DataFrame:
    table = _table(content, "u.item", [*ITEM_COLUMNS, *genres], "|")
    _check_numbered(table, "item", "u.item")
    for genre in genres:
        table[genre] = _integers(table, genre, "u.item", 0, 1).astype(bool)
    table["released"] = pd.to_datetime(
        table["released"].replace("", None), format="%d-%b-%Y"
    )
    return table.drop(columns=["item", "video", "url"])


def _check_numbered(table: pd.DataFrame, column: str, file: str) -> None:
    """The files list everyone in the order of the ids, from 1."""
    ids = _integers(table, column, file, 1, None).to_numpy()
    if not np.array_equal(ids, np.arange(1, len(ids) + 1)):
        place = int(np.argmax(ids != np.arange(1, len(ids) + 1)))
        raise UserError(
            f"{file}, line {place + 1}: {column} is {ids[place]}; expected {place + 1},"
            " for the file lists all of them in their order. Is it complete?"
        )


MOVIELENS = DataEntry(
    name="movielens",
    title="MovieLens-100K, GroupLens Research",
    homepage="https://grouplens.org/datasets/movielens/100k/",
    license="Research use; no redistribution and no commercial use without permission; "
    "cite Harper and Konstan 2015",
    license_url="https://files.grouplens.org/datasets/movielens/ml-100k-README.txt",
    citation="F. M. Harper, J. A. Konstan (2015). The MovieLens Datasets: History and "
    "Context. ACM TiiS 5 (4), article 19. https://doi.org/10.1145/2827872",
    load=load_movielens,
    url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
    folder="ml-100k",
    files=official_files("movielens"),
)
