"""How far outputs are apart, against SciPy, and which loss asks for what."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import rel_entr, softmax

from polytask.losses import RegularizedCrossentropy
from polytask.training.labeled_loss import resolve_loss
from polytask.training.output_distance import OutputDistance

rng = np.random.default_rng(0)
LOGITS = rng.normal(size=(2, 5, 3)).astype("float32")


def found(distance, target, output, temperature=1.0):
    return ops.convert_to_numpy(distance(target, output, temperature))


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("from_logits", [False, True])
def test_distributions_have_the_divergence_of_their_tempered_logits(
    temperature, from_logits
):
    p, q = softmax(LOGITS / temperature, axis=-1).astype("float64")
    given = LOGITS if from_logits else softmax(LOGITS, axis=-1)
    distance = OutputDistance("classes", from_logits)
    expected = rel_entr(p, q).sum(-1)
    np.testing.assert_allclose(found(distance, *given, temperature), expected, 1e-4)


@pytest.mark.parametrize("from_logits", [False, True])
def test_a_probability_of_yes_has_the_divergence_of_both_answers(from_logits):
    p, q = 1 / (1 + np.exp(-LOGITS.astype("float64")))
    given = LOGITS if from_logits else np.stack([p, q]).astype("float32")
    expected = (rel_entr(p, q) + rel_entr(1 - p, 1 - q)).mean(-1)
    distance = OutputDistance("binary", from_logits)
    np.testing.assert_allclose(found(distance, *given), expected, rtol=1e-4)


def test_numbers_have_a_squared_distance():
    a, b = LOGITS
    expected = ((a - b) ** 2).mean(-1)
    np.testing.assert_allclose(found(OutputDistance("values"), a, b), expected, 1e-5)


@pytest.mark.parametrize(
    ("loss", "units", "kind", "from_logits"),
    [
        ("mse", 1, "values", False),
        ("binary_crossentropy", 4, "binary", False),
        ("crossentropy", 1, "binary", False),
        ("crossentropy", 3, "classes", False),
        (keras.losses.BinaryCrossentropy(from_logits=True), 1, "binary", True),
        (
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            3,
            "classes",
            True,
        ),
        (RegularizedCrossentropy(), 3, "classes", False),
        (RegularizedCrossentropy(independent=True), 3, "binary", False),
        (keras.losses.Poisson(), 1, "values", False),
    ],
)
def test_the_loss_says_what_outputs_are(loss, units, kind, from_logits):
    distance = OutputDistance.of_loss(resolve_loss(loss), units)
    assert distance == OutputDistance(kind, from_logits)
