"""Shuffled training batches, all of one size."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from polytask.lab.kinds import Task
from polytask.lab.tables import Split


class Batches(keras.utils.PyDataset):
    """The rows in a new random order each epoch, without the incomplete last batch.

    One size means that the step is compiled once; the rows left out differ by epoch.
    The order comes from the seed alone, so it is the same on every backend.

    Args:
        split: The training rows.
        tasks: The tasks whose labels are given, as their losses take them.
        batch_size: Rows of a batch; all rows, if there are fewer.
        seed: Of the order.
    """

    def __init__(
        self, split: Split, tasks: tuple[Task, ...], batch_size: int, seed: int
    ) -> None:
        super().__init__()
        self.x = np.ascontiguousarray(split.x)
        self.y = {
            task.name: task.rules.targets(task, split.y[task.name]) for task in tasks
        }
        self.weights = None
        if split.weights is not None:
            self.weights = split.weights.astype(np.float32)
        self.batch_size = min(batch_size, len(split))
        self.orders = orders(len(self.x), seed)
        self.order = next(self.orders)

    def __len__(self) -> int:
        return len(self.x) // self.batch_size

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        start = index * self.batch_size
        rows = self.order[start : start + self.batch_size]
        y = {task: labels[rows] for task, labels in self.y.items()}
        if self.weights is None:
            return self.x[rows], y
        return self.x[rows], y, dict.fromkeys(y, self.weights[rows])

    def on_epoch_end(self) -> None:
        """Take the next order."""
        self.order = next(self.orders)


def orders(rows: int, seed: int) -> Iterator[np.ndarray]:
    """Return one random order of the rows after the other.

    Args:
        rows: How many.
        seed: Of the orders.
    """
    random = np.random.default_rng(seed)
    while True:
        yield random.permutation(rows)
