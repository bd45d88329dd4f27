"""A table's rows to parts, as its owner says: by chance, a column or a file."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from polytask.errors import OptionError
from polytask.lab.tables.read_column import read_column
from polytask.lab.tables.split_file import read_split_file
from polytask.lab.tables.split_rows import (
    PARTS,
    split_by_order,
    split_rows,
    too_few,
)
from polytask_options.splits import SplitRule


def parts_of(
    frame: pd.DataFrame,
    rule: SplitRule,
    rows: np.ndarray,
    strata: np.ndarray,
    seed: int,
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return which rows train, which choose the epoch and which are the test.

    Args:
        frame: The table.
        rule: How it is split.
        rows: Numbers of the labeled rows.
        strata: Of these, see `split_rows`.
        seed: Of what is random.

    Returns:
        `"train"`, `"validation"`, `"test"` → which of `rows`; and what should be said.

    Raises:
        UserError: If the table does not allow it.
    """
    if rule.how == "random":
        return split_rows(strata, rule.shares, seed), []
    if len(rows) < len(PARTS):
        raise too_few(len(rows))
    if rule.how == "file":
        return _listed(read_split_file(rule.name, len(frame)), rule, rows, strata, seed)
    series = frame[rule.name].iloc[rows]
    if rule.how == "group":
        places, note = _shuffled(series, seed)
    else:
        places, note = _in_time(series, rule.name)
    return split_by_order(places, rule.shares, rule.name), [note]


def _shuffled(series: pd.Series, seed: int) -> tuple[np.ndarray, str]:
    """Return the place of each row's value in a random order, and a note."""
    groups = read_column(series, str(series.name), "categorical").values
    codes = groups.codes.astype(np.int64)
    alone = codes < 0
    codes[alone] = len(groups.categories) + np.arange(alone.sum())
    order = np.random.default_rng(seed).permutation(codes.max() + 1)
    note = f"Rows of one value of {series.name!r} are in one part"
    if alone.any():
        note += f"; each of the {alone.sum()} rows without one stands alone"
    return order[codes], f"{note}."


def _in_time(series: pd.Series, name: str) -> tuple[np.ndarray, str]:
    """Return the place of each row's time, -1 where there is none, and a note."""
    column = read_column(series, name)
    column.check()
    if column.kind not in ("numeric", "date"):
        raise OptionError(
            "split",
            f": column {name!r} holds no times, but is {column.kind} "
            f"({column.reason}); time:COLUMN needs numbers or dates.",
        )
    known = ~column.missing
    places = np.full(len(known), -1)
    places[known] = np.unique(column.values[known], return_inverse=True)[1]
    note = f"Parts follow each other in {name!r}, test rows last"
    if not known.all():
        note += f"; the {(~known).sum()} rows without a value train"
    return places, f"{note}."


def _listed(
    listed_rows: Mapping[str, np.ndarray],
    rule: SplitRule,
    rows: np.ndarray,
    strata: np.ndarray,
    seed: int,
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the parts that a file lists, the rest of the rows divided if need be."""
    parts = {
        part: np.flatnonzero(np.isin(rows, numbers))
        for part, numbers in listed_rows.items()
    }
    rest = np.setdiff1d(np.arange(len(rows)), np.concatenate([*parts.values()]))
    said = []
    if len(parts) == 1:
        if len(rest) < 2:
            raise OptionError(
                "split",
                f": besides the test rows of {rule.name}, {len(rest)} labeled rows are "
                "left; training and validation need one each.",
            )
        share = rule.shares[0] / (rule.shares[0] + rule.shares[1])
        places = split_rows(strata[rest], (share, 1 - share, 0.0), seed)
        parts = {part: rest[places[part]] for part in PARTS[:2]} | parts
    elif len(rest):
        said = [f"Rows in no part of {rule.name}, left out: {len(rest)}."]
    for part, numbers in parts.items():
        if not len(numbers):
            raise OptionError("split", f": {rule.name} lists no labeled {part} row.")
    return parts, said
