"""One encoder a kind of column: learns from training rows, writes plain JSON."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from polytask.errors import UserError
from polytask.lab.tables.column import Column
from polytask.lab.tables.date_encoder import DateEncoder
from polytask.lab.tables.encoder import Encoder, FitOptions, missing_name, some_missing
from polytask.lab.tables.ngram_encoder import NgramEncoder
from polytask.lab.tables.scaled import HeavyTail, Scaled


@dataclass(frozen=True)
class NumericEncoder(Encoder):
    """A standardized feature; a logarithm and a missing indicator where they help.

    Args:
        values: What was learned of its numbers.
        indicator: Whether training rows had missing cells (and filled ones).
        tail: What was learned of its logarithms; None without a heavy tail.
    """

    values: Scaled
    indicator: bool
    tail: HeavyTail | None = None
    kind: ClassVar[str] = "numeric"

    @classmethod
    def fit(cls, column: Column, options: FitOptions) -> "NumericEncoder":
        """Learn median, mean and scale from the training rows."""
        column.check()
        numbers = column.values
        values = Scaled.fit(numbers)
        if not np.isfinite([values.mean, values.scale]).all():
            position = int(np.nanargmax(np.abs(numbers)))
            raise UserError(
                f"Column {column.name!r} holds numbers too large to standardize, such "
                f"as {numbers[position]:g} in {column.row(position)}."
            )
        return cls(
            column.name,
            values,
            some_missing(column),
            HeavyTail.fit(numbers, values),
            form=column.form,
        )

    def scaled_by(self, column: Column) -> "NumericEncoder":
        """Return the encoder with median, mean and scale of other rows."""
        numbers = column.values
        tail = None if self.tail is None else self.tail.scaled_by(numbers)
        return replace(self, values=self.values.scaled_by(numbers), tail=tail)

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the column's, its logarithm's and the indicator's feature."""
        names: tuple[str, ...] = (self.name,) if self.values.varies else ()
        if self.tail is not None:
            names += (f"{self.name}=(log)",)
        return names + ((missing_name(self.name),) if self.indicator else ())

    def write(self, column: Column, x: np.ndarray) -> int:
        """Encode; missing cells without an indicator are only filled."""
        column.check()
        numbers = column.values
        if self.values.varies:
            x[:, 0] = scaled = self.values.transform(numbers)
            if not np.isfinite(scaled).all():
                position = int(np.argmax(~np.isfinite(scaled)))
                raise UserError(
                    f"Column {self.name!r} holds {numbers[position]:g} in "
                    f"{column.row(position)}, too large beside the training rows."
                )
        if self.tail is not None:
            x[:, 1] = self.tail.transform(numbers)
        if self.indicator:
            x[:, -1] = column.missing
        return 0

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "NumericEncoder":
        """Return the encoder that `to_dict` described."""
        tail = values["tail"]
        return cls(
            values["name"],
            Scaled(**values["values"]),
            values["indicator"],
            None if tail is None else HeavyTail.from_dict(tail),
            form=values.get("form", ""),
        )


@dataclass(frozen=True)
class CategoricalEncoder(Encoder):
    """One 0/1 feature per frequent category, one for the rare, one for missing cells.

    A category that no training row had counts as rare; where training had no rare
    ones, all features are 0. The same holds for missing cells.

    Args:
        kept: Categories with a feature of their own.
        rare: Categories that share the feature `name=(rare)`.
        missing: Whether training rows had missing cells.
        rare_rows: Training rows with a rare category.
    """

    kept: tuple[str, ...]
    rare: tuple[str, ...]
    missing: bool
    rare_rows: int
    kind: ClassVar[str] = "categorical"

    @classmethod
    def fit(cls, column: Column, options: FitOptions) -> "CategoricalEncoder":
        """Learn the categories from the training rows."""
        texts, counts = _counted(column)
        rare = _infrequent(counts, options)
        return cls(
            column.name,
            tuple(texts[~rare]),
            tuple(texts[rare]),
            some_missing(column),
            int(counts[rare].sum()),
        )

    def scaled_by(self, column: Column) -> "CategoricalEncoder":
        """Return the encoder with the number of other rows that are rare."""
        texts, counts = _counted(column)
        return replace(self, rare_rows=int(counts[np.isin(texts, self.rare)].sum()))

    @property
    def features(self) -> tuple[str, ...]:
        """`name=category` for each, in the order kept, rare, missing."""
        names = [f"{self.name}={category}" for category in self.kept]
        if self.rare:
            names.append(f"{self.name}=(rare)")
        if self.missing:
            names.append(missing_name(self.name))
        return tuple(names) if len(names) > 1 else ()

    @property
    def note(self) -> str | None:
        """Say how many categories were grouped."""
        if not self.rare:
            return None
        total = len(self.kept) + len(self.rare)
        return (
            f"Column {self.name!r}: rare categories joined in one feature: "
            f"{len(self.rare)} of {total}, training rows: {self.rare_rows}."
        )

    def write(self, column: Column, x: np.ndarray) -> int:
        """Encode; see the class for categories that training did not have."""
        known = {text: place for place, text in enumerate((*self.kept, *self.rare))}
        texts = column.values.categories
        codes = np.array([*(known.get(text, -1) for text in texts), -1])
        places = codes[column.values.codes]
        unseen = int(((places < 0) & ~column.missing).sum())
        rare = len(self.kept) if self.rare else -1
        places = np.where((places < 0) | (places >= len(self.kept)), rare, places)
        empty = len(self.kept) + bool(self.rare) if self.missing else -1
        places = np.where(column.missing, empty, places)
        rows = np.flatnonzero(places >= 0)
        x[rows, places[rows]] = 1.0
        return unseen

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "CategoricalEncoder":
        """Return the encoder that `to_dict` described."""
        return cls(
            values["name"],
            tuple(values["kept"]),
            tuple(values["rare"]),
            values["missing"],
            values["rare_rows"],
        )


def _counted(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Return the categories that occur, sorted, and their numbers of rows."""
    texts = np.array(column.values.categories, dtype=object)
    codes = column.values.codes
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    order = np.argsort(texts, kind="stable")
    order = order[counts[order] > 0]
    return texts[order], counts[order]


def _infrequent(counts: np.ndarray, options: FitOptions) -> np.ndarray:
    """Return which categories are grouped, by the rule of scikit-learn's encoder."""
    rare = counts < options.min_frequency
    # One more feature than kept categories: the rare one.
    if (~rare).sum() + 1 > options.max_categories:
        most = options.max_categories - 1
        by_count = np.argsort(counts, kind="stable")
        rare[by_count[: len(counts) - most]] = True
    return rare


@dataclass(frozen=True)
class CodeEncoder(Encoder):
    """One feature that holds a whole number for each category: for an embedding.

    0 is a missing cell and 1 a category that is rare or that no training row had; the
    frequent ones follow. float32 holds such numbers exactly up to 16 million.

    Args:
        kept: Categories with a code of their own, from 2.
    """

    kept: tuple[str, ...]
    kind: ClassVar[str] = "code"

    @classmethod
    def fit(cls, column: Column, options: FitOptions) -> "CodeEncoder":
        """Learn the categories from the training rows, however many they are."""
        texts, counts = _counted(column)
        return cls(column.name, tuple(texts[counts >= options.min_frequency]))

    @property
    def size(self) -> int:
        """The number of codes: the rows of an embedding."""
        return 2 + len(self.kept)

    @property
    def features(self) -> tuple[str, ...]:
        """`name=(code)`."""
        return (f"{self.name}=(code)",) if self.kept else ()

    def write(self, column: Column, x: np.ndarray) -> int:
        """Encode; rare categories are counted as unseen, for they have one code."""
        known = {text: code for code, text in enumerate(self.kept, start=2)}
        texts = column.values.categories
        codes = np.array([*(known.get(text, 1) for text in texts), 0])
        x[:, 0] = codes[column.values.codes]
        return int((x[:, 0] == 1).sum())

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "CodeEncoder":
        """Return the encoder that `to_dict` described."""
        return cls(values["name"], tuple(values["kept"]))


@dataclass(frozen=True)
class BooleanEncoder(Encoder):
    """One 0/1 feature, and an indicator if training rows miss cells.

    Missing cells and words that are neither yes nor no get the more frequent value.

    Args:
        fill: The more frequent value of the training rows, 0 or 1.
        varies: Whether they had both.
        indicator: Whether training rows had missing cells (and filled ones).
    """

    fill: float
    varies: bool
    indicator: bool
    kind: ClassVar[str] = "boolean"

    @classmethod
    def fit(cls, column: Column, options: FitOptions) -> "BooleanEncoder":
        """Learn the more frequent value from the training rows."""
        values = column.values
        known = values[~np.isnan(values)]
        return cls(
            column.name,
            fill=_more_frequent(values),
            varies=len(set(known.tolist())) > 1,
            indicator=some_missing(column),
        )

    def scaled_by(self, column: Column) -> "BooleanEncoder":
        """Return the encoder that fills with the more frequent value of other rows."""
        return replace(self, fill=_more_frequent(column.values))

    @property
    def features(self) -> tuple[str, ...]:
        """The column's name, and the indicator's."""
        value = (self.name,) if self.varies else ()
        return value + ((missing_name(self.name),) if self.indicator else ())

    def write(self, column: Column, x: np.ndarray) -> int:
        """Encode; other words are counted as unseen."""
        if self.varies:
            values = column.values
            x[:, 0] = np.where(np.isnan(values), self.fill, values)
        if self.indicator:
            x[:, -1] = column.missing
        return int(column.unread.sum())


def _more_frequent(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean() > 0.5) if len(known) else 0.0


ENCODERS: dict[str, type[Encoder]] = {
    encoder.kind: encoder
    for encoder in (
        NumericEncoder,
        CategoricalEncoder,
        CodeEncoder,
        BooleanEncoder,
        DateEncoder,
        NgramEncoder,
    )
}


def encoder_from_dict(values: dict[str, Any]) -> Encoder:
    """Return the encoder that `Encoder.to_dict` described."""
    if not isinstance(values["name"], str):
        raise TypeError(f"a column's name is {values['name']!r}")
    return ENCODERS[values["kind"]].from_dict(values)
