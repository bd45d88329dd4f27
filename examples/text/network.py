"""One shared encoder, one private encoder for each domain, and a head for each."""

from collections.abc import Sequence
from dataclasses import dataclass

import polytask

# isort: split
import keras
from bag import Bag

from polytask.layers import (
    GradientReversal,
    OrthogonalityPenalty,
    TaskBatchNormalization,
)


@dataclass(frozen=True)
class Network:
    """What the network is made of.

    Args:
        words: Dropout of a text's n-grams.
        features: Dropout of the encoders' features. On the summed embedding, before
            the rectifier, or in the tower, behind it, is the same: relu commutes with
            a mask and a positive factor.
        units: Hidden units of the shared encoder; 0 leaves a linear model.
        private_units: Of each private encoder; 0 leaves it linear.
        is_private: Whether there are private encoders.
        ngrams: N-grams with a weight of their own, shared by all domains.
        hidden_ngrams: N-grams that the hidden units and the private encoders read.
        normalization: `"none"`, `"batch"`, or `"task"` for batch normalization with
            statistics of each domain.
        orthogonality: Strength of the penalty on private features that repeat shared
            ones.
        adversarial: Strength of the reversed gradient of a head that guesses the
            domain from the shared features.
        members: Copies trained side by side, each with its own start, order of rows
            and dropout; the network's probabilities are their means.
    """

    words: float = 0.0
    features: float = 0.0
    units: int = 16
    private_units: int = 0
    is_private: bool = True
    ngrams: int = 250_000
    hidden_ngrams: int = 100_000
    normalization: str = "none"
    orthogonality: float = 0.0
    adversarial: float = 0.0
    members: int = 1


GUESS = "domain of the text"


def build(
    network: Network, domains: Sequence[str], length: int
) -> polytask.MultiTaskModel:
    """Return one member; every domain is a task.

    Args:
        network: What it is made of.
        domains: Task names, in the order of the input `domain`.
        length: N-grams of a text.
    """
    ngrams = keras.Input((length,), dtype="int32", name="ngrams")
    given = keras.Input((length,), name="weights")
    domain = keras.Input((), dtype="int32", name="domain")
    weights = keras.layers.Dropout(network.words)(given)
    few, number = network.hidden_ngrams, len(domains)

    # Linear in the n-grams: what one would miss most.
    logits = [Bag(network.ngrams, 1, name="shared_linear")(ngrams, weights)]
    if network.is_private:
        private_linear = Bag(few, 1, number, name="private_linear")
        logits.append(private_linear(ngrams, weights, domain))

    features, outputs = [], {}
    if network.units:
        shared = Bag(few, network.units, spread=0.1, name="shared")(ngrams, weights)
        shared = activate(shared, network, domain, number)
        features.append(shared)
        if network.adversarial:
            turned = GradientReversal(network.adversarial)(shared)
            outputs[GUESS] = keras.layers.Dense(number, "softmax", name="guess")(turned)
    if network.private_units and network.is_private:
        private = Bag(few, network.private_units, number, 0.1, name="private")(
            ngrams, weights, domain
        )
        private = activate(private, network, domain, number)
        if network.orthogonality:
            penalty = OrthogonalityPenalty(network.orthogonality, num_tasks=number)
            private = penalty(private, features[0], domain)
        features.append(private)
    if features:
        joined = (
            keras.layers.Concatenate()(features) if len(features) > 1 else features[0]
        )
        joined = keras.layers.Dropout(network.features)(joined)
    for name in domains:
        terms = [*logits]
        if features:
            terms.append(keras.layers.Dense(1, name=f"{name}_head")(joined))
        total = keras.layers.Add()(terms) if len(terms) > 1 else terms[0]
        outputs[name] = keras.layers.Activation("sigmoid", name=name)(total)
    return polytask.MultiTaskModel([ngrams, given, domain], outputs)


def activate(
    x: keras.KerasTensor, network: Network, domain: keras.KerasTensor, number: int
) -> keras.KerasTensor:
    """Return the encoder's features: normalization and rectifier."""
    if network.normalization == "task":
        x = TaskBatchNormalization(number)(x, domain)
    elif network.normalization == "batch":
        x = keras.layers.BatchNormalization()(x)
    return keras.layers.ReLU()(x)
