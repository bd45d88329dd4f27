"""Texts as the numbers and weights of their n-grams."""

import re
from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer

# Rows of about this length let plain SGD move all layers alike.
SCALE = 3.0
# Of the log-count ratio in the weight of an n-gram.
POWER = 0.5
# The files hold "do n't", of which a pattern for words alone leaves "do".
TOKEN = re.compile(r"n't|'\w+|\w+|[!?]+|\.\.+|[^\w\s]")
ATTACHED = re.compile(r"(?<=\w)n't\b")


def tokens(text: str) -> list[str]:
    """Return words, marks and negations: "isn't it?!" gives is, n't, it, ?!."""
    return TOKEN.findall(ATTACHED.sub(" n't", text.lower()))


def words_and_pairs() -> TfidfVectorizer:
    """Return TF-IDF of scikit-learn's words, and of two in a row."""
    return TfidfVectorizer(
        ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32
    )


def tokens_to_triples() -> TfidfVectorizer:
    """Return TF-IDF of `tokens`, and of two and three in a row."""
    return TfidfVectorizer(
        tokenizer=tokens,
        token_pattern=None,
        ngram_range=(1, 3),
        min_df=2,
        sublinear_tf=True,
        dtype=np.float32,
    )


class Ngrams:
    """Words and their neighbors, numbered by how many training texts hold them.

    No tokenizer here needs a backend or a download. Number 0 is padding; 1 is the
    n-gram that most training texts hold. A weight is TF-IDF times a power of how far
    the n-gram is from being as frequent in positive as in negative texts
    (`log_count_ratio`).

    Args:
        number: N-grams to keep.
        length: N-grams of a text to keep: those with the largest weights.
        power: Of the absolute log-count ratio; 0 leaves plain TF-IDF.
        vectorizer: Returns what splits texts and counts; see `tokens_to_triples`.
    """

    def __init__(
        self,
        number: int,
        length: int,
        power: float = POWER,
        vectorizer: Callable[[], TfidfVectorizer] = words_and_pairs,
    ) -> None:
        self.number, self.length, self.power = number, length, power
        self.vectorizer = vectorizer()

    def fit(self, texts: Sequence[str], labels: np.ndarray) -> "Ngrams":
        """Learn the n-grams and their weights; from training texts alone."""
        matrix = self.vectorizer.fit_transform(texts)
        counts = np.asarray((matrix > 0).sum(axis=0)).ravel()
        order = np.argsort(-counts, kind="stable")[: self.number]
        self.ranks = np.zeros(counts.size, np.int32)
        self.ranks[order] = np.arange(1, len(order) + 1)
        self.number = len(order)
        factors = ratio_factors(matrix, labels, self.power)
        lengths = np.sqrt(matrix.multiply(matrix) @ factors**2)
        self.factors = (SCALE / lengths.mean() * factors).astype(np.float32)
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
            given = matrix.data[start:stop] * self.factors[matrix.indices[start:stop]]
            values = np.where(numbers > 0, given, 0)
            kept = np.argsort(-values, kind="stable")[: self.length]
            ids[row, : len(kept)] = numbers[kept]
            weights[row, : len(kept)] = values[kept]
        return {"ngrams": ids, "weights": weights}


def ratio_factors(
    rows: scipy.sparse.csr_matrix, labels: np.ndarray, power: float = POWER
) -> np.ndarray:
    """Return what the TF-IDF weight of each n-gram is multiplied by."""
    factors: np.ndarray = np.abs(log_count_ratio(rows, labels)) ** power
    return factors


def log_count_ratio(rows: scipy.sparse.csr_matrix, labels: np.ndarray) -> np.ndarray:
    """Return log(p/q) of each n-gram's shares p of the positive, q of the negative.

    Wang, Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification", ACL 2012. With one added to each count.

    Args:
        rows: Weights of n-grams, zero where a text has none, (texts, n-grams).
        labels: 0 or 1, (texts,).
    """
    present = rows > 0
    shares = []
    for label in (1, 0):
        counts = 1 + np.asarray(present[labels == label].sum(axis=0)).ravel()
        shares.append(counts / counts.sum())
    ratio: np.ndarray = np.log(shares[0] / shares[1])
    return ratio
