"""Linear baselines: logistic regression on TF-IDF of words and their neighbors."""

from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.sparse
from ngrams import ratio_factors, tokens_to_triples, words_and_pairs
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from examples.datasets import TextRows

# Shared weights should be cheaper than private ones: a private copy of the inputs is
# half as long (Daumé 2007 has equal copies).
PRIVATE = 0.5

Vectorizer = Callable[[], TfidfVectorizer]


def vectorized(
    train: TextRows, test: TextRows, vectorizer: Vectorizer = words_and_pairs
) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]:
    """Return the TF-IDF rows of both parts, fitted on the first."""
    weighting = vectorizer()
    return weighting.fit_transform(train.texts), weighting.transform(test.texts)


def classify(train_x: object, train_y: np.ndarray, test_x: object) -> np.ndarray:
    """Return the test rows' probabilities of being positive."""
    model = LogisticRegression(C=10.0, solver="liblinear").fit(train_x, train_y)
    return model.predict_proba(test_x)[:, 1]


def per_domain(train: TextRows, test: TextRows) -> np.ndarray:
    """One model for each domain, on its own texts and n-grams."""
    found = np.zeros(len(test))
    for task in np.unique(test.task):
        mine = np.flatnonzero(test.task == task)
        own = train.take(np.flatnonzero(train.task == task))
        train_x, test_x = vectorized(own, test.take(mine))
        found[mine] = classify(train_x, own.labels, test_x)
    return found


def pooled(train: TextRows, test: TextRows) -> np.ndarray:
    """One model for the texts of all domains."""
    train_x, test_x = vectorized(train, test)
    return classify(train_x, train.labels, test_x)


def shared_private(
    train: TextRows,
    test: TextRows,
    ratios: bool = False,
    vectorizer: Vectorizer = words_and_pairs,
) -> np.ndarray:
    """One model with weights for all domains, and further ones for each domain.

    Args:
        train: Texts to learn from.
        test: Texts to classify.
        ratios: Whether the inputs are weighted as those of the networks.
        vectorizer: Returns what splits texts and counts.
    """

    def copied(x: scipy.sparse.csr_matrix, task: np.ndarray) -> object:
        own = [
            scipy.sparse.diags(PRIVATE * (task == number)) @ x
            for number in np.unique(train.task)
        ]
        return scipy.sparse.hstack([x, *own]).tocsr()

    train_x, test_x = vectorized(train, test, vectorizer)
    if ratios:
        factors = scipy.sparse.diags(ratio_factors(train_x, train.labels))
        train_x, test_x = train_x @ factors, test_x @ factors
    return classify(
        copied(train_x, train.task), train.labels, copied(test_x, test.task)
    )


Baseline = Callable[[TextRows, TextRows], np.ndarray]
BASELINES: dict[str, Baseline] = {
    "linear, per domain": per_domain,
    "linear, pooled": pooled,
    "linear, shared + private": shared_private,
    "linear, log-count ratios": partial(shared_private, ratios=True),
    "linear, ratios, tokens to triples": partial(
        shared_private, ratios=True, vectorizer=tokens_to_triples
    ),
}
