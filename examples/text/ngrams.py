"""Texts as the numbers and TF-IDF weights of their n-grams."""

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

# TF-IDF rows have length 1; longer ones let plain SGD move all layers alike.
SCALE = 3.0


class Ngrams:
    """Words and pairs of words, numbered by how many training texts hold them.

    The tokenizer is scikit-learn's: it needs no backend and no download. Number 0 is
    padding; 1 is the n-gram that most training texts hold.

    Args:
        number: N-grams to keep.
        length: N-grams of a text to keep: those with the largest weights.
    """

    def __init__(self, number: int, length: int) -> None:
        self.number, self.length = number, length
        self.vectorizer = TfidfVectorizer(
            ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32
        )

    def fit(self, texts: Sequence[str]) -> "Ngrams":
        """Learn the n-grams and their weights; from training texts alone."""
        counts = np.asarray((self.vectorizer.fit_transform(texts) > 0).sum(axis=0))
        order = np.argsort(-counts.ravel(), kind="stable")[: self.number]
        self.ranks = np.zeros(counts.size, np.int32)
        self.ranks[order] = np.arange(1, len(order) + 1)
        self.number = len(order)
        return self

    def encode(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the inputs `ngrams` and `weights`, both of shape (rows, length).

        A text without a known n-gram, such as an empty one, is all padding.
        """
        matrix = self.vectorizer.transform(texts)
        ids = np.zeros((len(texts), self.length), np.int32)
        weights = np.zeros((len(texts), self.length), np.float32)
        for row, (start, stop) in enumerate(
            zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True)
        ):
            numbers = self.ranks[matrix.indices[start:stop]]
            values = np.where(numbers > 0, matrix.data[start:stop], 0)
            kept = np.argsort(-values, kind="stable")[: self.length]
            ids[row, : len(kept)] = numbers[kept]
            weights[row, : len(kept)] = values[kept] * SCALE
        return {"ngrams": ids, "weights": weights}
