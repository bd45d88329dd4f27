"""Sixteen domains of reviews, each a task with texts of its own.

    python examples/text/text.py --data-dir DIR [--quick] [--seeds N] [--out DIR]
    python examples/text/text.py --data-dir DIR --best

`DIR` holds the files of FDU-MTL (`fdu-mtl/books.task.train.gz` and so on; without it
they are downloaded once). Linear baselines, a single-task network for each domain, and
one network with a shared and sixteen private encoders: without dropout, with dropout
of words and of features at several rates, and with other regularizers and kinds of
sharing. `--best` trains the linear models and the networks with tokens, pairs and
triples alone.

The test part is the official test files. `--validate` holds out 15 % of the training
files instead and leaves the test files alone.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import compile_cache  # noqa: F401 - before JAX

import polytask  # noqa: F401 - before Keras

# What the examples share lies beside their folders.
sys.path.insert(0, str(Path(__file__).parents[2]))

# isort: split
import numpy as np
from baselines import BASELINES
from network import Network
from ngrams import POWER, Ngrams, tokens_to_triples
from report import write_report
from training import (
    Part,
    Schedule,
    mean_accuracy,
    outcome,
    train,
    train_single,
)

from examples.datasets import TextRows, TextSet, load_fdu_mtl
from examples.example_options import example_options
from polytask.errors import UserError
from polytask.lab.studies import Experiment, Outcome

RATES = (0.2, 0.5, 0.8)
PLACES = ("words", "features")
PLAIN = "no regularization"
SINGLE = "single-task networks"
CHOSEN = "chosen dropout"
# A part of the training texts is enough for the gap between training and test.
EVERY = 8

BASE = Network()
DROPOUT = replace(BASE, words=0.2, features=0.7)
HIDDEN = replace(DROPOUT, private_units=2)
VARIANTS = {
    PLAIN: BASE,
    CHOSEN: DROPOUT,
    "linear network": replace(BASE, units=0),
    **{
        f"{place} {rate:g}": replace(BASE, **{place: rate})
        for place in PLACES
        for rate in RATES
    },
    "no private encoders": replace(DROPOUT, is_private=False),
    "private hidden units": HIDDEN,
    "orthogonality": replace(HIDDEN, orthogonality=0.1),
    "adversarial": replace(DROPOUT, adversarial=0.05),
    "batch normalization": replace(DROPOUT, normalization="batch"),
    "task batch normalization": replace(DROPOUT, normalization="task"),
    "temperature 5": DROPOUT,
}
# These read tokens, pairs and triples. Settings by validation on training files.
BEST = "best network"
RICH = replace(BASE, words=0.5, features=0.5, ngrams=700_000, members=3)
RICH_VARIANTS = {
    BEST: RICH,
    "best network, one member": replace(RICH, members=1),
}
TEMPERATURES = {"temperature 5": 5.0}
ALONE = replace(
    DROPOUT, is_private=False, ngrams=20_000, hidden_ngrams=20_000, features=0.5
)
# Steps on ~1,500 texts are few, so batches of one domain are smaller.
SCHEDULE = Schedule()
ALONE_SCHEDULE = Schedule(epochs=15, batch_size=64, learning_rate=4.0)
SAVED = {CHOSEN: "model.keras", BEST: "best.keras"}
LENGTH = 400
RICH_LENGTH = 500
QUICK_VARIANTS = (PLAIN, CHOSEN, "words 0.5", "features 0.5", "orthogonality", BEST)


def load(args: object) -> TextSet:
    """Return the texts; the part called test is the one to report."""
    data = load_fdu_mtl(args.data_dir, validation=0.15 if args.validate else 0.0)
    if args.validate:
        data = replace(data, test=data.validation)
    if args.quick:
        data = replace(data, train=every(data.train, 5), test=every(data.test, 2))
    return data


def every(rows: TextRows, step: int) -> TextRows:
    return rows.take(np.arange(0, len(rows), step))


def encode(data: TextSet, ngrams: Ngrams) -> dict[str, Part]:
    """Return the rows as a network reads them: to fit, and to evaluate on.

    Args:
        data: The texts.
        ngrams: Not fitted yet; they become those of the training texts.
    """
    ngrams.fit(data.train.texts, data.train.labels)

    def part(rows: TextRows) -> Part:
        inputs = {**ngrams.encode(rows.texts), "domain": rows.task}
        return Part(inputs, rows.labels)

    fit = part(data.train)
    shown = fit.take(np.arange(0, len(data.train), EVERY))
    return {"fit": fit, "train": shown, "test": part(data.test)}


def encode_own(data: TextSet) -> list[dict[str, Part]]:
    """Return the parts of each domain by itself, with the n-grams of its own texts."""

    def alone(rows: TextRows, task: int) -> TextRows:
        mine = rows.take(np.flatnonzero(rows.task == task))
        return replace(mine, task=np.zeros(len(mine), np.int32))

    return [
        encode(
            replace(data, train=alone(data.train, task), test=alone(data.test, task)),
            Ngrams(ALONE.ngrams, LENGTH),
        )
        for task in range(len(data.task_names))
    ]


def run_baseline(name: str, data: TextSet) -> Outcome:
    shown = every(data.train, EVERY)
    both = TextRows(
        (*data.test.texts, *shown.texts),
        np.concatenate([data.test.labels, shown.labels]),
        np.concatenate([data.test.task, shown.task]),
    )
    positive = BASELINES[name](data.train, both)
    cut = len(data.test)
    parts = {
        "train": Part({"domain": shown.task}, shown.labels),
        "test": Part({"domain": data.test.task}, data.test.labels),
    }
    found = {"train": positive[cut:], "test": positive[:cut]}
    return outcome(found, parts, data.task_names)


def main(arguments: list[str] | None = None) -> None:
    parser = example_options(
        __doc__,
        out="runs/text",
        validate="evaluate on 15 %% of the training files instead of the test files",
    )
    parser.add_argument(
        "--best",
        action="store_true",
        help="only linear models and the networks with tokens, pairs and triples",
    )
    args = parser.parse_args(arguments)
    data = load(args)
    domains = data.task_names
    networks = {**VARIANTS, **RICH_VARIANTS}
    names = QUICK_VARIANTS if args.quick else tuple(networks)
    rich = [name for name in names if name in RICH_VARIANTS]
    experiment = Experiment(
        args.out,
        dict.fromkeys(domains, "accuracy"),
        {
            "variants": {name: asdict(networks[name]) for name in names},
            "schedule": asdict(SCHEDULE),
            "single-task": [asdict(ALONE), asdict(ALONE_SCHEDULE)],
            "lengths": [LENGTH, RICH_LENGTH],
            "power": POWER,
            "quick": args.quick,
            "validate": args.validate,
            "rows": data.facts["rows"],
        },
    )
    for name in BASELINES:
        result = experiment.run(name, 0, lambda name=name: run_baseline(name, data))
        show(name, 0, result)

    def one(name: str, seed: int, parts: dict[str, Part]) -> Outcome:
        schedule = replace(SCHEDULE, temperature=TEMPERATURES.get(name, 1.0))
        model, result = train(networks[name], parts, domains, schedule, seed)
        if name in SAVED and seed == 0:
            model.save(args.out / SAVED[name])
        return result

    def train_all(names: Sequence[str], parts: dict[str, Part]) -> None:
        for name in names:
            for seed in range(args.seeds):
                result = experiment.run(
                    name, seed, lambda n=name, s=seed: one(n, s, parts)
                )
                show(name, seed, result)

    if rich:
        ngrams = Ngrams(RICH.ngrams, RICH_LENGTH, vectorizer=tokens_to_triples)
        train_all(rich, encode(data, ngrams))
    if args.best:
        return
    own = encode_own(data)
    for seed in range(args.seeds):
        result = experiment.run(
            SINGLE,
            seed,
            lambda s=seed: train_single(ALONE, own, domains, ALONE_SCHEDULE, s),
        )
        show(SINGLE, seed, result)
    plain = [name for name in names if name in VARIANTS]
    train_all(plain, encode(data, Ngrams(BASE.ngrams, LENGTH)))
    print(write_report(experiment, data, args.validate))


def show(name: str, seed: int, result: Outcome) -> None:
    line = f"{name:<28}{seed:>3}{mean_accuracy(result):8.4f}{result.seconds:8.1f} s"
    print(line, flush=True)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
