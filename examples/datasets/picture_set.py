"""Gray pictures with labels of several tasks."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class PictureRows:
    """Pictures of one part of a data set.

    Args:
        pictures: uint8 of shape (rows, height, width).
        labels: Name → labels of shape (rows, ...).
        names: Where each picture came from.
    """

    pictures: np.ndarray
    labels: dict[str, np.ndarray]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, rows: np.ndarray) -> "PictureRows":
        """Return some rows, in the order given."""
        labels = {name: values[rows] for name, values in self.labels.items()}
        names = tuple(self.names[row] for row in rows)
        return PictureRows(self.pictures[rows], labels, names)


@dataclass(frozen=True)
class PictureSet:
    """Training and test pictures of one source.

    Args:
        train: Rows that fit the weights and choose the epoch.
        test: Rows that are evaluated once.
        facts: JSON-able description for reports: source, terms, counts.
    """

    train: PictureRows
    test: PictureRows
    facts: dict[str, Any]
