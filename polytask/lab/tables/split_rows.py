"""Which rows train, which choose the epoch, which are the test."""

from collections.abc import Sequence

import numpy as np

from polytask.errors import OptionError, UserError, plural
from polytask_options.splits import SHARES, SplitRule, split_rule

PARTS = ("train", "validation", "test")
FEWEST = 5


def split_rows(
    strata: np.ndarray, split: Sequence[float] = SHARES, seed: int = 0
) -> dict[str, np.ndarray]:
    """Split rows at random, with like shares of every stratum.

    Args:
        strata: One integer a row, of shape (rows,); rows of a stratum that has fewer
            than 5 rows are mixed with those of other such strata.
        split: Shares of training, validation and test rows; the last may be 0.
        seed: Of the random order.

    Returns:
        `"train"`, `"validation"`, `"test"` → sorted row numbers.

    Raises:
        UserError: If the shares are wrong or the table is too small.

    Example:
        >>> parts = split_rows(np.zeros(10, int))
        >>> [len(rows) for rows in parts.values()]
        [6, 2, 2]
    """
    from sklearn.model_selection import train_test_split

    shares = check_split(split).shares
    total = len(strata)
    sizes = [max(1, round(share * total)) if share else 0 for share in shares[1:]]
    if total - sum(sizes) < 1:
        raise too_few(total)
    rows = np.arange(total)
    train, rest = train_test_split(
        rows,
        test_size=sum(sizes),
        random_state=seed,
        stratify=_usable(strata, sum(sizes)),
    )
    validation, test = rest, rest[:0]
    if sizes[1]:
        validation, test = train_test_split(
            rest,
            test_size=sizes[1],
            random_state=seed,
            stratify=_usable(strata[rest], min(sizes)),
        )
    rows_of = (train, validation, test)
    return {name: np.sort(part) for name, part in zip(PARTS, rows_of, strict=True)}


def split_by_order(
    places: np.ndarray, shares: Sequence[float], name: str
) -> dict[str, np.ndarray]:
    """Split rows by the places of their values; rows of one value stay together.

    Args:
        places: Of shape (rows,): in which order the values fill training, validation
            and test rows, counted from 0; -1 where there is no value, which trains.
        shares: Of training, validation and test rows, met as nearly as the values
            allow.
        name: The column, for messages.

    Returns:
        `"train"`, `"validation"`, `"test"` → sorted row numbers.

    Raises:
        UserError: If there are fewer than three values.

    Example:
        >>> parts = split_by_order(np.array([0, 0, 0, 1, 2]), (0.6, 0.2, 0.2), "day")
        >>> [rows.tolist() for rows in parts.values()]
        [[0, 1, 2], [3], [4]]
    """
    ends = np.cumsum(np.bincount(places[places >= 0])) / max(1, (places >= 0).sum())
    values = len(ends)
    if values < 3:
        raise OptionError(
            "split",
            f": the labeled rows have {plural(values, 'different value')} in column "
            f"{name!r}; at least three are needed for training, validation and test "
            "rows.",
        )
    # Where training ends and where validation does: each part keeps a value at least.
    train = int(np.abs(ends[: values - 2] - shares[0]).argmin()) + 1
    goal = shares[0] + shares[1]
    validation = int(np.abs(ends[train : values - 1] - goal).argmin()) + train + 1
    part = np.searchsorted([train, validation], places, side="right")
    return {name: np.flatnonzero(part == n) for n, name in enumerate(PARTS)}


def check_split(split: Sequence[float] | str) -> SplitRule:
    """Return how rows are split.

    Raises:
        UserError: If it is not accepted.
    """
    shown = split if isinstance(split, str) else list(split)
    rule = split_rule(shown)
    if rule is None:
        raise UserError(
            f"split is {shown!r}; expected three positive shares for training, "
            "validation and test rows that sum to 1, such as [0.6, 0.2, 0.2] (the last "
            "may be 0), or 'group:COLUMN', 'time:COLUMN', or a file of row numbers."
        )
    return rule


def too_few(rows: int) -> UserError:
    """Return the error of a table that cannot be split."""
    return UserError(
        f"The table has {plural(rows, 'labeled row')}; at least three are needed for "
        "training, validation and test rows."
    )


def _usable(strata: np.ndarray, smaller_part: int) -> np.ndarray | None:
    """Merge small strata; return None where rows are too few to stratify."""
    _, codes, counts = np.unique(strata, return_inverse=True, return_counts=True)
    small = counts < FEWEST
    if small.any():
        merged = np.where(small[codes], len(counts), codes)
        _, codes, counts = np.unique(merged, return_inverse=True, return_counts=True)
    few = counts.min() < 2 or len(counts) > smaller_part
    return None if few or len(counts) < 2 else codes
