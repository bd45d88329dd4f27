"""The texts of FDU-MTL as n-grams whose weights no held-out domain has a part in."""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "examples" / "text")]
from ngrams import SCALE, ratio_factors

from examples.datasets import TextRows, load_fdu_mtl

HELD_OUT = 2
LENGTH = 200

Sparse = scipy.sparse.csr_matrix


class Texts(NamedTuple):
    """The texts of all domains, training and test files.

    Attributes:
        domains: Their names.
        counts: (texts, n-grams) how often.
        labels: (texts,) 0 or 1.
        domain: (texts,) index into `domains`.
        is_test: (texts,) whether the text is of a test file.
    """

    domains: tuple[str, ...]
    counts: Sparse
    labels: np.ndarray
    domain: np.ndarray
    is_test: np.ndarray

    def of(self, domain: int, is_test: bool) -> np.ndarray:
        """Return the numbers of the texts of a file."""
        return np.flatnonzero((self.domain == domain) & (self.is_test == is_test))


class Episode(NamedTuple):
    """Numbers of the texts to learn from, and of those to be measured on."""

    few: np.ndarray
    new: np.ndarray


class Draw(NamedTuple):
    """What is known when some domains are held out.

    Attributes:
        held_out: Numbers of the domains.
        training: (texts,) whether the text is of the training file of another.
        plain: (texts, n-grams) TF-IDF.
        weighted: The same, times powers of log-count ratios.
    """

    held_out: np.ndarray
    training: np.ndarray
    plain: Sparse
    weighted: Sparse


def read(folder: Path | None, most: int | None) -> Texts:
    """Return the texts, or at most some of each file and label."""
    loaded = load_fdu_mtl(folder, validation=0.0)
    parts = [_first(part, most) for part in (loaded.train, loaded.test)]
    counter = CountVectorizer(ngram_range=(1, 2), min_df=2, dtype=np.float32)
    return Texts(
        loaded.task_names,
        counter.fit_transform([text for part in parts for text in part.texts]),
        np.concatenate([part.labels for part in parts]).astype(float),
        np.concatenate([part.task for part in parts]),
        np.repeat([False, True], [len(part) for part in parts]),
    )


def _first(rows: TextRows, most: int | None) -> TextRows:
    strata = 2 * rows.task + rows.labels
    chosen = [np.flatnonzero(strata == s)[:most] for s in np.unique(strata)]
    return rows.take(np.concatenate(chosen))


def drawn(texts: Texts, num_ngrams: int, number: int) -> Draw:
    """Hold out two domains; n-grams and their weights are those of the others.

    Args:
        texts: The texts.
        num_ngrams: N-grams to keep, the most frequent ones.
        number: Of the draw; eight of them hold out each domain once.
    """
    pairs = len(texts.domains) // HELD_OUT
    order = np.random.default_rng(number // pairs).permutation(len(texts.domains))
    held_out = order[number % pairs :: pairs]
    training = ~texts.is_test & ~np.isin(texts.domain, held_out)
    frequency = (texts.counts[training] > 0).sum(axis=0)
    most_frequent = np.argsort(-np.ravel(frequency), kind="stable")[:num_ngrams]
    counts = texts.counts[:, most_frequent]
    weighting = TfidfTransformer(sublinear_tf=True).fit(counts[training])
    plain = weighting.transform(counts).tocsr()
    factors = ratio_factors(plain[training], texts.labels[training])
    lengths = np.sqrt(plain[training].power(2) @ factors**2)
    scaled = scipy.sparse.diags(SCALE / lengths.mean() * factors)
    return Draw(held_out, training, plain, (plain @ scaled).tocsr())


def episode(
    texts: Texts, source: np.ndarray, test: np.ndarray, k: int, seed: int
) -> Episode:
    """Draw texts to learn from, half of them positive; more of them hold the fewer.

    Args:
        texts: All texts.
        source: Numbers of the texts that are drawn from.
        test: Numbers of the texts to be measured on; those drawn are left out.
        k: How many are drawn.
        seed: Of the draw.
    """
    random = np.random.default_rng(seed)
    sides = [
        random.permutation(source[texts.labels[source] == label])[: k // 2]
        for label in (0, 1)
    ]
    few = np.concatenate(sides)
    return Episode(few, np.setdiff1d(test, few))


def padded(x: Sparse) -> dict[str, np.ndarray]:
    """Return inputs of a network: the largest weights of each text, and of what."""
    ids = np.zeros((x.shape[0], LENGTH), np.int32)
    weights = np.zeros((x.shape[0], LENGTH), np.float32)
    for row, (start, stop) in enumerate(zip(x.indptr, x.indptr[1:], strict=False)):
        values = x.data[start:stop]
        kept = np.argsort(-values, kind="stable")[:LENGTH]
        ids[row, : len(kept)] = 1 + x.indices[start:stop][kept]
        weights[row, : len(kept)] = values[kept]
    return {"ngrams": ids, "weights": weights}
