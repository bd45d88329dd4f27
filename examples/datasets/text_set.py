"""Texts with a label, each of one task."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class TextRows:
    """The texts of one part of the data.

    Args:
        texts: Tokens separated by spaces, as in the files.
        labels: 0 or 1, int32 of shape (rows,).
        task: Index into `TextSet.task_names`, int32 of shape (rows,): the one task
            that the row has a label of.
    """

    texts: tuple[str, ...]
    labels: np.ndarray
    task: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: np.ndarray) -> "TextRows":
        """Return the rows with the given numbers."""
        texts = tuple(self.texts[row] for row in rows)
        return TextRows(texts, self.labels[rows], self.task[rows])

    def targets(self, task_names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Return the labels as `MultiTaskModel.fit` takes them.

        Args:
            task_names: The tasks, in the order of `task`.

        Returns:
            Task → float32 of shape (rows, 1), NaN in the rows of other tasks.
        """
        return {
            name: np.where(self.task == index, self.labels, np.nan)[:, None].astype(
                np.float32
            )
            for index, name in enumerate(task_names)
        }


@dataclass(frozen=True)
class TextSet:
    """Training, validation and test texts of several tasks.

    Args:
        task_names: One per task.
        train: Rows that fit the weights and the vocabulary.
        validation: Rows that choose hyper-parameters and the epoch.
        test: Rows that are evaluated once.
        facts: JSON-able description for reports.
    """

    task_names: tuple[str, ...]
    train: TextRows
    validation: TextRows
    test: TextRows
    facts: dict[str, Any]
