"""Arrays ready for training, with what is known about them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from polytask.lab.kinds import Task


@dataclass(frozen=True)
class Split:
    """The rows of one part of the data.

    Args:
        x: Design matrix, float32 of shape (rows, features).
        y: Task → labels of shape (rows,). Binary (0 or 1) and regression (original
            units): float32, NaN where missing. Multiclass: int32, -1 where missing.
    """

    x: np.ndarray
    y: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test rows of one multi-task problem.

    Args:
        name: What the data set is called in reports.
        tasks: The targets.
        train: Rows that fit the weights (and the preprocessing).
        validation: Rows that choose the epoch.
        test: Rows that are evaluated once.
        feature_names: One per column of the design matrix, such as `"age"` or
            `"job=nurse"`.
        feature_sources: The table's column behind each of them, such as `"job"`.
        facts: JSON-able description for reports; its keys are listed at
            `polytask.lab.tables.from_table`.
    """

    name: str
    tasks: tuple[Task, ...]
    train: Split
    validation: Split
    test: Split
    feature_names: tuple[str, ...]
    feature_sources: tuple[str, ...]
    facts: dict[str, Any]

    @property
    def splits(self) -> dict[str, Split]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}
