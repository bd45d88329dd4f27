"""The contract of a column encoder."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np

from polytask.lab.tables.column import Column


@dataclass(frozen=True)
class FitOptions:
    """What the user chose.

    Args:
        min_frequency: A category in fewer training rows is grouped as rare.
        max_categories: At most so many features of a column, the rare one included.
    """

    min_frequency: int = 5
    max_categories: int = 50


@dataclass(frozen=True)
class Encoder(ABC):
    """Turns one table column into columns of the design matrix.

    Encoders are immutable: `fit` returns one, and everything it learned are fields
    that `to_dict` writes and `from_dict` reads. A column that does not vary over the
    training rows has no features.

    Args:
        name: The column.
        form: How its texts are written, as `Column.form`.
    """

    name: str
    form: str = field(default="", kw_only=True)
    kind: ClassVar[str]

    @classmethod
    @abstractmethod
    def fit(cls, column: Column, options: FitOptions) -> "Encoder":
        """Learn from the training rows of a column."""

    def scaled_by(self, column: Column) -> "Encoder":
        """Return the encoder with its features, and the statistics of other rows.

        Args:
            column: The training rows, where `fit` was shown all rows: these decide
                which features there are, those what a feature is scaled and filled by.
        """
        return self

    @property
    @abstractmethod
    def features(self) -> tuple[str, ...]:
        """Names of the design-matrix columns."""

    @abstractmethod
    def write(self, column: Column, x: np.ndarray) -> int:
        """Encode rows of the column, in training or later.

        Args:
            column: The rows, of the encoder's kind.
            x: Zeros of shape (rows, features), float32, to be filled.

        Returns:
            The number of cells with a value that no training row had.

        Raises:
            UserError: If a cell cannot be encoded.
        """

    @property
    def note(self) -> str | None:
        """A sentence about a decision that a reader should know, if any."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return what was learned as plain JSON values."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Encoder":
        """Return the encoder that `to_dict` described."""
        learned = {key: value for key, value in values.items() if key != "kind"}
        return cls(**learned)


def missing_name(name: str) -> str:
    """Return the name of a column's missing indicator."""
    return f"{name}=(missing)"


def some_missing(column: Column) -> bool:
    """Return whether some cells of a column are missing, and not all."""
    return bool(column.missing.any() and not column.missing.all())
