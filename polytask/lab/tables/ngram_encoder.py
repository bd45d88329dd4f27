"""Free text as 0/1 features: which of its words and pairs of words occur."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from polytask.lab.tables.column import Column
from polytask.lab.tables.encoder import Encoder, FitOptions, missing_name, some_missing

# Enough that few common words meet, few enough for a table of some hundred rows.
BUCKETS = 256


@dataclass(frozen=True)
class NgramEncoder(Encoder):
    """One 0/1 feature for each bucket into which a word or a pair of words is hashed.

    No vocabulary is learned: a word that no training row had falls into a bucket as
    well. Buckets in fewer training rows than a category needs, or in all but as few,
    are left out.

    Args:
        buckets: Those that have a feature.
        missing: Whether training rows had missing cells.

    Source:
        Weinberger, Dasgupta, Langford, Smola, Attenberg, "Feature Hashing for Large
        Scale Multitask Learning", ICML 2009.
    """

    buckets: tuple[int, ...]
    missing: bool
    kind: ClassVar[str] = "ngrams"

    @classmethod
    def fit(cls, column: Column, options: FitOptions) -> "NgramEncoder":
        """Learn from the training rows which buckets are of use."""
        counts = _hashed(column).sum(axis=0)
        least = max(1, options.min_frequency)
        used = (counts >= least) & (counts <= len(column) - least)
        buckets = tuple(map(int, np.flatnonzero(used)))
        return cls(column.name, buckets, some_missing(column))

    @property
    def features(self) -> tuple[str, ...]:
        """`name=(ngram bucket)` for each, and the missing indicator's name."""
        names = tuple(f"{self.name}=(ngram {bucket})" for bucket in self.buckets)
        return names + ((missing_name(self.name),) if self.missing else ())

    def write(self, column: Column, x: np.ndarray) -> int:
        """Encode; nothing is unseen."""
        x[:, : len(self.buckets)] = _hashed(column)[:, list(self.buckets)]
        if self.missing:
            x[:, -1] = column.missing
        return 0

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "NgramEncoder":
        """Return the encoder that `to_dict` described."""
        return cls(values["name"], tuple(values["buckets"]), values["missing"])


def _hashed(column: Column) -> np.ndarray:
    """Return (rows, buckets) 0 or 1; a row of a missing cell is 0."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(
        n_features=BUCKETS,
        ngram_range=(1, 2),
        token_pattern=r"\w+",
        binary=True,
        norm=None,
        alternate_sign=False,
        dtype=np.float32,
    )
    texts = list(column.values.categories)
    codes = column.values.codes
    # Each distinct text is cut into words once; the last row is that of missing cells.
    by_text: np.ndarray = hashing.transform([*texts, ""]).toarray()
    return by_text[codes]
