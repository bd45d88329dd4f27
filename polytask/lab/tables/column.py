"""One column of a table: its cells, read once."""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from polytask.errors import UserError, listed
from polytask.lab.tables.forms import plain_numbers

# A rank in front of a label; thousands may be grouped, as in 1,000-4,999.
_FIRST_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+(?!\d)|\d+)(\.\d+)?")
INPUT_KINDS = ("numeric", "categorical", "boolean", "date", "ngrams")


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table, read.

    Args:
        name: The column.
        kind: `"numeric"`, `"categorical"`, `"boolean"`, `"date"` or `"ngrams"` for
            inputs; `"id"`, `"text"`, `"constant"`, `"nested"` or `"empty"` for columns
            left out.
        reason: One clause that says why.
        values: The cells: float64 of numbers, and of booleans as 0 and 1;
            datetime64 in UTC of dates; `pandas.Categorical` of everything else.
            NaN, NaT or no category where a cell is missing or could not be read.
        missing: Which cells are empty, bool of shape (rows,).
        index: What messages call the rows: the table's index.
        form: How dates are written, a `strptime` format or `"ISO8601"`; how numbers
            are, where programs would not read them, see `number_form`.
        wrong: The message about the first cell that is not of this kind, if any.
        doubt: A sentence for the user, where the kind may not be what was meant.
    """

    name: str
    kind: str
    reason: str
    values: Any
    missing: np.ndarray
    index: np.ndarray
    form: str = ""
    wrong: str = ""
    doubt: str = ""

    def __len__(self) -> int:
        return len(self.missing)

    @property
    def used(self) -> bool:
        """Whether the column serves as an input."""
        return self.kind in INPUT_KINDS

    @property
    def unread(self) -> np.ndarray:
        """Which cells are filled, but not with a value of this kind."""
        return np.asarray(pd.isna(self.values)) & ~self.missing

    @cached_property
    def distinct(self) -> np.ndarray:
        """The different values of the filled cells."""
        return np.asarray(pd.unique(self.values[~self.missing]))

    @property
    def labels(self) -> tuple[str, ...]:
        """The distinct texts of categories: by value if all are numbers, else as text.

        Example:
            >>> from polytask.lab.tables.read_column import read_column
            >>> read_column(pd.Series([10, 9, None]), "t", "categorical").labels
            ('9', '10')
        """
        texts = sorted(str(text) for text in self.values.categories)
        numbers = plain_numbers(texts)
        if np.isnan(numbers).any():
            return tuple(texts)
        return tuple(texts[i] for i in np.argsort(numbers, kind="stable"))

    @property
    def ranked(self) -> tuple[str, ...]:
        """The distinct texts of categories in an order that the table tells.

        Raises:
            UserError: If they are neither numbers, nor begin with one, nor are single
                letters, nor stored as ordered categories.
        """
        labels = self.labels
        if self.values.ordered:
            return tuple(map(str, self.values.categories))
        if not np.isnan(plain_numbers(labels)).any():
            return labels
        numbers = [_FIRST_NUMBER.match(label) for label in labels]
        known = [float(number[0].replace(",", "")) for number in numbers if number]
        if len(set(known)) == len(labels):
            return tuple(labels[i] for i in np.argsort(known))
        if all(len(label) == 1 for label in labels):
            return labels
        raise UserError(
            f"the order of the labels {listed(map(repr, labels), 5)} in column "
            f"{self.name!r} cannot be told; begin each with its rank, such as "
            f"'1 {labels[0]}', or store them as ordered categories."
        )

    def check(self) -> None:
        """Raise `UserError` if a cell is not of the column's kind."""
        if self.wrong:
            raise UserError(self.wrong)

    def take(self, rows: np.ndarray) -> "Column":
        """Return some rows, in the order given."""
        return replace(
            self,
            values=self.values[rows],
            missing=self.missing[rows],
            index=self.index[rows],
        )

    def row(self, position: int) -> str:
        """Return how a message names a row: counted from 1, without the header."""
        label = self.index[position]
        if isinstance(label, (int, np.integer)):
            return f"row {int(label) + 1}"
        return f"row {label!r}"
