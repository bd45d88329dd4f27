"""Columns that give a target away: known alone, they tell it almost perfectly."""

import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from polytask.errors import TableWarning
from polytask.lab.kinds import Task, is_labeled
from polytask.lab.tables.column import Column

#: Share of a target's errors, or of its ranks' variance, that a column takes away.
ALMOST_ALL = 0.99
# Fewer rows tell nothing for sure; more cost time and tell nothing new.
FEWEST_ROWS = 50
MOST_WARNINGS = 12
ROWS = 2_000


class Giveaway(NamedTuple):
    """A column that tells a target almost perfectly.

    Args:
        column: The input column.
        task: The target.
        share: What it takes away of the target's errors or variance, 0 to 1.
    """

    column: str
    task: str
    share: float

    def __str__(self) -> str:
        return (
            f"Column {self.column!r} alone predicts {self.task!r} almost perfectly "
            f"({100 * self.share:.1f} %). If it is not known when you predict, exclude "
            "it."
        )


def giveaways(
    columns: Sequence[Column], tasks: Sequence[Task], y: Mapping[str, np.ndarray]
) -> list[Giveaway]:
    """Return the columns that tell a target almost perfectly.

    The rows are halved: in one half each value of the column gets the target's most
    frequent class or mean rank; in the other half the nearest value's is compared.

    Args:
        columns: The input columns, read.
        tasks: The tasks.
        y: Task → labels of all rows, NaN or -1 where missing.

    Returns:
        The columns found, by task.

    Example:
        >>> from polytask.lab.tables.read_column import read_column
        >>> paid = pd.Series([0, 1] * 50)
        >>> task = Task("bought", "binary", ("no", "yes"))
        >>> giveaways([read_column(paid, "paid")], [task], {"bought": paid.to_numpy()})
        [Giveaway(column='paid', task='bought', share=1.0)]
    """
    targets = {task.name: _Target(task, y[task.name]) for task in tasks}
    suspects = []
    for column in columns:
        if not column.used:
            continue
        values = _ordered(column)
        for name, target in targets.items():
            share = target.told_by(values)
            if share >= ALMOST_ALL:
                suspects.append(Giveaway(column.name, name, share))
    return suspects


def _ordered(column: Column) -> np.ndarray:
    """Return a number a row: equal where cells are, and near where numbers are."""
    if isinstance(column.values, pd.Categorical):
        return column.values.codes.astype(np.float64)
    if column.values.dtype.kind == "M":
        numbers = column.values.astype(np.int64).astype(np.float64)
        numbers[column.missing] = np.nan
    else:
        numbers = column.values
    known = numbers[np.isfinite(numbers)]
    if len(known):
        # From 0 on: beside the nanoseconds of a date, 1 would be rounded away.
        numbers = numbers - known.min()
    far = 2 * np.ptp(known) + 1 if len(known) else 0.0
    return np.where(np.isnan(numbers), far, numbers)


def warn_of(sentences: Sequence[str]) -> None:
    """Warn of each, or of the first few and how many more there are."""
    shown = list(sentences[:MOST_WARNINGS])
    if len(sentences) > len(shown):
        shown.append(f"{len(sentences) - len(shown):,} more columns are like these.")
    for sentence in shown:
        warnings.warn(sentence, TableWarning, stacklevel=3)


class _Target:
    """A target's labels on two halves of some of its rows."""

    def __init__(self, task: Task, labels: np.ndarray) -> None:
        rows = np.flatnonzero(is_labeled(labels))
        rows = np.random.default_rng(0).permutation(rows)[:ROWS]
        self.enough = len(rows) >= FEWEST_ROWS
        self.has_classes = task.rules.has_classes
        values = labels[rows]
        if not self.has_classes:
            values = pd.Series(values).rank().to_numpy()
        half = len(rows) // 2
        self.rows = (rows[:half], rows[half:])
        self.values = (values[:half], values[half:])

    def told_by(self, column: np.ndarray) -> float:
        """Return the share that a column's values tell of this target."""
        if not self.enough:
            return 0.0
        seen, unseen = (column[rows] for rows in self.rows)
        known, truth = self.values
        distinct, groups = np.unique(seen, return_inverse=True)
        middles = (distinct[1:] + distinct[:-1]) / 2
        nearest = np.searchsorted(middles, unseen)
        counts = np.bincount(groups)
        if not self.has_classes:
            means = np.bincount(groups, known) / counts
            errors = float(np.square(truth - means[nearest]).sum())
            total = float(np.square(truth - known.mean()).sum())
        else:
            codes, classes = known.astype(np.int64), int(known.max()) + 1
            pairs = np.bincount(
                groups * classes + codes, minlength=classes * len(counts)
            )
            often = pairs.reshape(-1, classes).argmax(axis=1)
            errors = float((truth != often[nearest]).sum())
            total = float((truth != np.bincount(codes).argmax()).sum())
        return 1 - errors / total if total else 0.0
