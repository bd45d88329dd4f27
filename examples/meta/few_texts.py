"""New domains of reviews from few texts: networks against linear models.

    python examples/meta/few_texts.py --data-dir DIR [--methods M ...] [--quick]

`DIR` holds the files of FDU-MTL, see examples/text; without it they are downloaded
once. Of the 16 domains two are held out in each draw; eight draws hold out each domain
once. The training files of the other 14 give a start; a held-out domain then has k =
16, 32 or 64 of its training texts to learn from, half of them positive, and is measured
by the accuracy on its test file.

Strengths are chosen once for each k, on k texts and the rest of the test file of each
of the 14 domains; `adapt` knows the k texts alone.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from domain_texts import (
    LENGTH,
    Draw,
    Episode,
    Sparse,
    Texts,
    drawn,
    episode,
    padded,
    read,
)
from draws import picture, table
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

# isort: split
from bag import Bag  # beside examples/text, where domain_texts looks

import polytask
from polytask.meta.linear_head import KINDS, LinearHead, fit_linear_head

TEXTS = (16, 32, 64)
NGRAMS, UNITS = 20_000, 16
EPOCHS, BATCH, RATE = 6, 512, 1.0
STRENGTHS = np.logspace(-3.0, 1.0, 5)
TITLES = {
    "alone": "logistic regression on the k texts",
    "linear": "one linear model",
    "l2sp": "one linear model, then L2-SP",
    "pooled": "one network",
    "mean": "network with a head a domain: mean head",
    "head": "... head pulled to the mean",
    "adapted": "... adapt",
}
DIFFERENCES = [
    ("head", "mean"),
    ("head", "pooled"),
    ("head", "l2sp"),
    ("adapted", "mean"),
    ("adapted", "head"),
]


Inputs = dict[str, np.ndarray]


class Problem(NamedTuple):
    """What a head of an episode is found from.

    Attributes:
        few: (k, features) of the texts to learn from.
        labels: (k,) theirs.
        new: (texts, features) of the new texts.
        truth: (texts,) their labels.
        anchor: What the head is pulled to.
        beyond: (texts,) scores of the new texts by what stays as it is.
    """

    few: np.ndarray
    labels: np.ndarray
    new: np.ndarray
    truth: np.ndarray
    anchor: LinearHead
    beyond: np.ndarray

    def scores(self, strength: float, free_bias: bool) -> np.ndarray:
        """Return the scores of the new texts."""
        kind, few, labels = KINDS["binary"], self.few, self.labels
        head = fit_linear_head(kind, few, labels, strength, self.anchor, free_bias)
        return self.beyond + head.scores(self.new)[:, 0]


def of_ngrams(
    x: Sparse, labels: np.ndarray, episode: Episode, anchor: LinearHead
) -> Problem:
    """Return the problem of a linear model.

    Its weights move from the anchor only within the span of the texts to learn from,
    so that k coordinates there are all there is to find.
    """
    few, new = x[episode.few], x[episode.new]
    values, vectors = np.linalg.eigh((few @ few.T).toarray().astype(float))
    kept = values > 1e-6 * values[-1]
    basis = vectors[:, kept] / np.sqrt(values[kept])
    inside = basis.T @ (few @ anchor.kernel)
    coordinates = (new @ few.T).toarray() @ basis
    return Problem(
        vectors[:, kept] * np.sqrt(values[kept]),
        labels[episode.few],
        coordinates,
        labels[episode.new],
        LinearHead(inside, anchor.bias),
        (new @ anchor.kernel - coordinates @ inside)[:, 0],
    )


def of_features(
    features: np.ndarray, labels: np.ndarray, episode: Episode, anchor: LinearHead
) -> Problem:
    """Return the problem of a network's head."""
    few, new = episode
    return Problem(
        features[few], labels[few], features[new], labels[new], anchor, np.zeros(1)
    )


def pulled(
    known: Sequence[Problem], new: Sequence[Problem], free_bias: bool
) -> list[np.ndarray]:
    """Return the new texts' scores at the strength that is best on known domains."""
    losses = [
        np.mean([log_loss(p.truth, expit(p.scores(s, free_bias))) for p in known])
        for s in STRENGTHS
    ]
    best = float(STRENGTHS[int(np.argmin(losses))])
    return [problem.scores(best, free_bias) for problem in new]


def trained(
    sources: Mapping[str, tuple[Inputs, np.ndarray]],
    num_ngrams: int,
    seed: int,
    epochs: int,
) -> polytask.MultiTaskModel:
    """Return a network with a head for each source of inputs and labels.

    Its features are a sum of weights, which is a linear model, and hidden units.
    """
    keras.utils.set_random_seed(seed)
    ngrams = keras.Input((LENGTH,), dtype="int32", name="ngrams")
    weights = keras.Input((LENGTH,), name="weights")
    linear = Bag(num_ngrams, 1)(ngrams, weights)
    hidden = keras.layers.ReLU()(Bag(num_ngrams, UNITS, spread=0.1)(ngrams, weights))
    hidden = keras.layers.Dropout(0.5)(hidden)
    features = keras.layers.Concatenate()([linear, hidden])
    heads = [keras.layers.Dense(1, "sigmoid", name=f"{n}_head") for n in sources]
    outputs = dict(zip(sources, (head(features) for head in heads), strict=True))
    model = polytask.MultiTaskModel({"ngrams": ngrams, "weights": weights}, outputs)
    for head in heads:
        kernel, bias = head.get_weights()
        # A head begins as the linear model.
        kernel[0] = 1.0
        head.set_weights([kernel, bias])
    mixture = polytask.training.TaskMixture(
        {name: (x, {name: y[:, None]}) for name, (x, y) in sources.items()},
        BATCH,
        seed=seed,
    )
    schedule = keras.optimizers.schedules.PolynomialDecay(
        RATE, epochs * len(mixture), 0.0
    )
    model.compile(
        keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True),
        loss="binary_crossentropy",
        loss_weights=dict.fromkeys(sources, 1 / len(sources)),
    )
    model.fit(mixture, epochs=epochs, verbose=0)
    return model


class Start(NamedTuple):
    """A trained network and what it makes of the texts.

    Attributes:
        model: The network.
        heads: Those of its domains.
        features: (texts, features) at the end of its trunk.
    """

    model: polytask.MultiTaskModel
    heads: list[LinearHead]
    features: np.ndarray

    def mean(self, without: int | None = None) -> LinearHead:
        """Return the mean of its heads, or of all but one."""
        kept = [head for place, head in enumerate(self.heads) if place != without]
        kernels, biases = zip(*kept, strict=True)
        return LinearHead(np.mean(kernels, axis=0), np.mean(biases, axis=0))


def started(
    sources: Mapping[str, np.ndarray],
    inputs: Inputs,
    labels: np.ndarray,
    num_ngrams: int,
    seed: int,
    epochs: int,
) -> Start:
    """Train a network on numbers of texts, a head for each source of them."""

    def rows(numbers: np.ndarray) -> tuple[Inputs, np.ndarray]:
        return {name: x[numbers] for name, x in inputs.items()}, labels[numbers]

    given = {name: rows(numbers) for name, numbers in sources.items()}
    model = trained(given, num_ngrams, seed, epochs)
    layers = [model.get_layer(f"{name}_head") for name in sources]
    trunk = keras.Model(model.input, layers[0].input)
    features = trunk.predict(inputs, batch_size=BATCH, verbose=0)
    heads = [LinearHead(*map(np.float64, layer.get_weights())) for layer in layers]
    return Start(model, heads, features.astype(float))


def measure(
    texts: Texts,
    draw: Draw,
    sizes: Sequence[int],
    seed: int,
    methods: Sequence[str],
    ways: Sequence[str],
    epochs: int,
) -> tuple[dict[str, dict[int, float]], list[str]]:
    """Return method → k → accuracy in percent, and the methods that `adapt` chose."""
    labels, inputs = texts.labels, padded(draw.weighted)
    others = np.setdiff1d(np.arange(len(texts.domains)), draw.held_out)
    files = {texts.domains[d]: texts.of(d, False) for d in others}
    every = {"all": np.flatnonzero(draw.training)}
    num_ngrams = draw.weighted.shape[1]
    one, own = (
        started(sources, inputs, labels, num_ngrams, seed, epochs)
        for sources in (every, files)
    )
    fitted = LogisticRegression(C=10.0, solver="liblinear").fit(
        draw.weighted[draw.training], labels[draw.training]
    )
    linear = LinearHead(fitted.coef_.T, fitted.intercept_)
    zero = LinearHead(np.zeros_like(linear.kernel), np.zeros(1))
    as_they_are = {
        "linear": (draw.weighted, linear),
        "pooled": (one.features, one.heads[0]),
        "mean": (own.features, own.mean()),
    }

    def problem(method: str, e: Episode, without: int | None = None) -> Problem:
        if method == "alone":
            return of_ngrams(draw.plain, labels, e, zero)
        if method == "l2sp":
            return of_ngrams(draw.weighted, labels, e, linear)
        return of_features(own.features, labels, e, own.mean(without))

    def adapted(e: Episode) -> np.ndarray:
        few, new = ({n: x[rows] for n, x in inputs.items()} for rows in e)
        adaptation = polytask.meta.compare_adaptations(
            own.model,
            "new",
            (few, labels[e.few]),
            kind="binary",
            method=ways,
            seed=seed,
        )
        choices.append(adaptation.chosen.method)
        outputs = adaptation.model.predict(new, batch_size=BATCH, verbose=0)["new"]
        return outputs[:, 0] - 0.5

    found: dict[str, dict[int, float]] = {method: {} for method in methods}
    choices: list[str] = []
    for k in sizes:
        tests = [texts.of(domain, True) for domain in others]
        known = [episode(texts, test, test, k, seed) for test in tests]
        new = [
            episode(texts, texts.of(d, False), texts.of(d, True), k, seed)
            for d in draw.held_out
        ]
        for method in methods:
            if method in as_they_are:
                features, head = as_they_are[method]
                scores = [head.scores(features[e.new])[:, 0] for e in new]
            elif method == "adapted":
                scores = [adapted(e) for e in new]
            else:
                scores = pulled(
                    [problem(method, e, place) for place, e in enumerate(known)],
                    [problem(method, e) for e in new],
                    free_bias=method == "alone",
                )
            right = [
                np.mean((score > 0) == (labels[e.new] == 1))
                for score, e in zip(scores, new, strict=True)
            ]
            found[method][k] = 100 * float(np.mean(right))
    return found, choices


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="folder of fdu-mtl")
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--methods", nargs="+", choices=TITLES, default=list(TITLES))
    parser.add_argument(
        "--ways",
        nargs="+",
        choices=polytask.meta.adaptation.METHODS,
        default=["linear"],
        help="methods that adapt compares; default: linear",
    )
    parser.add_argument(
        "--quick", action="store_true", help="one draw, some texts, few n-grams"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/few_texts"))
    options = parser.parse_args()
    sizes, draws, epochs = TEXTS, options.draws, EPOCHS
    num_ngrams, most = NGRAMS, None
    if options.quick:
        sizes, draws, epochs, num_ngrams, most = TEXTS[:1], 1, 2, 2_000, 100
    texts = read(options.data_dir, most)
    options.out.mkdir(parents=True, exist_ok=True)
    results: list[dict[str, Any]] = []
    choices: Counter[str] = Counter()
    start = time.process_time()
    for seed in range(draws):
        draw = drawn(texts, num_ngrams, seed)
        result, made = measure(
            texts, draw, sizes, seed, options.methods, options.ways, epochs
        )
        results.append(result)
        choices.update(made)
        names = " and ".join(texts.domains[d] for d in draw.held_out)
        print(f"draw {seed}, {names}: {time.process_time() - start:.0f} s", flush=True)
        file = options.out / "results.json"
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    file = options.out / "few_texts.svg"
    picture(results, TITLES, "texts", "accuracy in 2 new domains, %", file)
    print(f"\n{table(results, TITLES, DIFFERENCES)}\n")
    print(f"`adapt` chose {dict(choices)}.\nResults and picture: {options.out}")


if __name__ == "__main__":
    main()
