"""Categories: one feature each, the rare ones together."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from polytask.lab.tables.encoders.encoder import (
    Encoded,
    Encoder,
    FitOptions,
    missing_name,
)
from polytask.lab.tables.values import text_values


@dataclass(frozen=True)
class CategoricalEncoder(Encoder):
    """One 0/1 feature per frequent category, one for the rare, one for missing cells.

    A category that no training row had counts as rare; where training had no rare
    ones, all features are 0. The same holds for missing cells.

    Args:
        name: The column.
        kept: Categories with a feature of their own.
        rare: Categories that share the feature `name=(rare)`.
        missing: Whether training rows had missing cells.
        rare_rows: Training rows with a rare category.

    Example:
        >>> jobs = pd.Series(["nurse", "clerk", "nurse", None])
        >>> encoder = CategoricalEncoder.fit(jobs, "job", FitOptions(min_frequency=1))
        >>> encoder.features
        ('job=clerk', 'job=nurse', 'job=(missing)')
    """

    kept: tuple[str, ...]
    rare: tuple[str, ...]
    missing: bool
    rare_rows: int
    kind: ClassVar[str] = "categorical"

    @classmethod
    def fit(
        cls, series: pd.Series, name: str, options: FitOptions
    ) -> "CategoricalEncoder":
        """Learn the categories from the training rows (`OneHotEncoder`)."""
        # Imported here: half a second that reading a table can do without.
        from sklearn.preprocessing import OneHotEncoder

        texts = text_values(series)
        filled = texts[pd.notna(texts)]
        missing = len(filled) < len(texts)
        if not len(filled):
            return cls(name, (), (), False, 0)
        learned = OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            min_frequency=options.min_frequency,
            max_categories=options.max_categories,
        ).fit(filled[:, None])
        infrequent = learned.infrequent_categories_[0]
        rare = () if infrequent is None else tuple(str(text) for text in infrequent)
        apart = set(rare)
        kept = tuple(str(c) for c in learned.categories_[0] if c not in apart)
        return cls(name, kept, rare, missing, int(pd.Series(filled).isin(apart).sum()))

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

    def transform(self, series: pd.Series) -> Encoded:
        """Encode; categories that training did not have are counted as unseen."""
        texts = text_values(series)
        empty = pd.isna(texts)
        places = pd.Index([*self.kept, *self.rare], dtype=object).get_indexer(texts)
        unseen = (places < 0) & ~empty
        other = len(self.kept) if self.rare else -1
        places = np.where(unseen | (places >= len(self.kept)), other, places)
        behind = len(self.kept) + bool(self.rare)
        places = np.where(empty, behind if self.missing else -1, places)
        width = len(self.features)
        x = np.zeros((len(texts), width), dtype=np.float32)
        if width:
            rows = np.flatnonzero(places >= 0)
            x[rows, places[rows]] = 1.0
        return Encoded(x, int(empty.sum()), int(unseen.sum()))

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
