"""Training and evaluation of one network."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polytask

# isort: split
import keras
import numpy as np
from network import GUESS, Network, build

from examples.joined import joined, member_seeds
from polytask.lab.studies import Outcome
from polytask.training.task_mixture import TaskMixture

Inputs = dict[str, np.ndarray]


@dataclass(frozen=True)
class Part:
    """Encoded rows: inputs `ngrams`, `weights` and `domain`, and 0/1 labels."""

    inputs: Inputs
    labels: np.ndarray

    def of(self, domain: int) -> "Part":
        """Return the rows of one domain."""
        return self.take(np.flatnonzero(self.inputs["domain"] == domain))

    def take(self, rows: np.ndarray) -> "Part":
        """Return the rows with the given numbers."""
        inputs = {name: values[rows] for name, values in self.inputs.items()}
        return Part(inputs, self.labels[rows])


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Plain SGD with momentum: the steps of Adam and Adagrad are as long for an n-gram
    of two texts as for one of a thousand, and overfit the rare ones.
    """

    epochs: int = 6
    batch_size: int = 512
    learning_rate: float = 8.0
    temperature: float = 1.0


def fit(
    network: Network,
    train: Part,
    domains: tuple[str, ...],
    schedule: Schedule,
    seed: int,
) -> polytask.MultiTaskModel:
    """Train one member on the texts of all domains."""
    keras.utils.set_random_seed(seed)
    model = build(network, domains, train.inputs["ngrams"].shape[1])
    sources = {}
    for index, name in enumerate(domains):
        rows = train.of(index)
        targets = {name: rows.labels[:, None].astype(np.float32)}
        if network.adversarial:
            targets[GUESS] = rows.inputs["domain"]
        inputs = {k: v for k, v in rows.inputs.items() if k != "domain"}
        sources[name] = (inputs, targets)
    mixture = TaskMixture(
        sources,
        schedule.batch_size,
        schedule.temperature,
        source_input="domain",
        seed=seed,
    )
    rate = keras.optimizers.schedules.PolynomialDecay(
        schedule.learning_rate, schedule.epochs * len(mixture), 0.0
    )
    losses = dict.fromkeys(domains, "binary_crossentropy")
    # A batch holds all domains in proportion, so that this is the mean over its rows.
    factors = dict.fromkeys(domains, 1 / len(domains))
    if network.adversarial:
        losses[GUESS] = "sparse_categorical_crossentropy"
        factors[GUESS] = 1.0
    model.compile(
        keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
        loss=losses,
        loss_weights=factors,
    )
    model.fit(mixture, epochs=schedule.epochs, verbose=0)
    return model


def probabilities(
    model: polytask.MultiTaskModel, part: Part, domains: tuple[str, ...]
) -> np.ndarray:
    """Return each row's probability of being positive, from its own domain's head."""
    found = model.predict(part.inputs, batch_size=512, verbose=0)
    heads = np.concatenate([found[name] for name in domains], axis=1)
    return heads[np.arange(len(heads)), part.inputs["domain"]]


def scores(
    positive: np.ndarray, part: Part, domains: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    """Return the accuracy of each domain."""
    right = (positive > 0.5) == (part.labels == 1)
    return {
        name: {"accuracy": float(right[part.inputs["domain"] == index].mean())}
        for index, name in enumerate(domains)
    }


def outcome(
    found: Mapping[str, np.ndarray], parts: Mapping[str, Part], domains: tuple[str, ...]
) -> Outcome:
    """Return the accuracies, and the test probabilities for averaging over seeds."""
    return Outcome(
        {split: scores(found[split], parts[split], domains) for split in parts},
        {"test": [round(float(p), 4) for p in found["test"]]},
    )


def train(
    network: Network,
    parts: Mapping[str, Part],
    domains: tuple[str, ...],
    schedule: Schedule,
    seed: int,
) -> tuple[polytask.MultiTaskModel, Outcome]:
    """Train a network on all domains and evaluate it."""
    members = [
        fit(network, parts["fit"], domains, schedule, own)
        for own in member_seeds(seed, network.members)
    ]
    model = joined(members)
    shown = {split: parts[split] for split in ("train", "test")}
    found = {s: probabilities(model, part, domains) for s, part in shown.items()}
    return model, outcome(found, shown, domains)


def train_single(
    network: Network,
    own: Sequence[Mapping[str, Part]],
    domains: tuple[str, ...],
    schedule: Schedule,
    seed: int,
) -> Outcome:
    """Train one network for each domain, on its own texts, and evaluate them.

    One model serves all: its start is restored for each domain, which saves compiling
    the same step sixteen times.

    Args:
        network: Without private encoders.
        own: The parts of each domain, encoded with the n-grams of its own texts.
        domains: Their names.
        schedule: Of each training.
        seed: Of the start, the order of the rows and dropout.
    """
    keras.utils.set_random_seed(seed)
    model = build(network, ("positive",), own[0]["fit"].inputs["ngrams"].shape[1])
    rows = min(len(parts["fit"].labels) for parts in own)
    steps = max(1, rows // schedule.batch_size)
    rate = keras.optimizers.schedules.PolynomialDecay(
        schedule.learning_rate, schedule.epochs * steps, 0.0
    )
    optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
    model.compile(optimizer, loss={"positive": "binary_crossentropy"})
    model.optimizer.build(model.trainable_variables)
    start = [
        (variable, np.array(variable))
        for variable in (*model.variables, *model.optimizer.variables)
    ]
    accuracy: dict[str, dict[str, dict[str, float]]] = {"train": {}, "test": {}}
    for index, parts in enumerate(own):
        for variable, value in start:
            variable.assign(value)
        targets = {"positive": parts["fit"].labels[:, None].astype(np.float32)}
        mixture = TaskMixture(
            {"own": (parts["fit"].inputs, targets)},
            schedule.batch_size,
            steps_per_epoch=steps,
            seed=seed + index,
        )
        model.fit(mixture, epochs=schedule.epochs, verbose=0)
        for split, scored in accuracy.items():
            positive = probabilities(model, parts[split], ("positive",))
            right = (positive > 0.5) == (parts[split].labels == 1)
            scored[domains[index]] = {"accuracy": float(right.mean())}
    return Outcome(accuracy)


def mean_accuracy(result: Outcome) -> float:
    """Return the mean test accuracy over the domains."""
    values = [metrics["accuracy"] for metrics in result.scores["test"].values()]
    return math.fsum(values) / len(values)
