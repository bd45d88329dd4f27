"""Which rows train, which choose the epoch, which are the test."""

from collections.abc import Sequence

import numpy as np

from polytask.errors import UserError

PARTS = ("train", "validation", "test")
FEWEST = 5


def split_rows(
    strata: np.ndarray, split: Sequence[float] = (0.6, 0.2, 0.2), seed: int = 0
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

    shares = check_split(split)
    total = len(strata)
    sizes = [max(1, round(share * total)) if share else 0 for share in shares[1:]]
    if total - sum(sizes) < 1:
        raise UserError(
            f"The table has {total} labeled row{'s' if total != 1 else ''}; at least "
            "three are needed for training, validation and test rows."
        )
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
    found = (train, validation, test)
    return {name: np.sort(part) for name, part in zip(PARTS, found, strict=True)}


def check_split(split: Sequence[float]) -> tuple[float, float, float]:
    """Return the three shares.

    Raises:
        UserError: If they are not three positive numbers, or two and 0, that sum to 1.
    """
    shares = tuple(float(share) for share in split)
    # Decimal fractions such as 0.7 + 0.2 + 0.1 do not sum to 1 exactly.
    if (
        len(shares) != 3
        or min(shares[:2]) <= 0
        or shares[2] < 0
        or abs(sum(shares) - 1) > 1e-6
    ):
        raise UserError(
            f"split is {list(split)}; expected three positive shares for training, "
            "validation and test rows that sum to 1, such as [0.6, 0.2, 0.2]; the "
            "last may be 0."
        )
    return shares


def _usable(strata: np.ndarray, smaller_part: int) -> np.ndarray | None:
    """Merge small strata; return None where rows are too few to stratify."""
    _, codes, counts = np.unique(strata, return_inverse=True, return_counts=True)
    small = counts < FEWEST
    if small.any():
        merged = np.where(small[codes], len(counts), codes)
        _, codes, counts = np.unique(merged, return_inverse=True, return_counts=True)
    few = counts.min() < 2 or len(counts) > smaller_part
    return None if few or len(counts) < 2 else codes
