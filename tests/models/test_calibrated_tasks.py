"""A task that is declared calibrated is not trained to other probabilities."""

import keras
import numpy as np
import pytest
from keras import layers

from polytask import MultiTaskModel, UserError
from polytask.layers import Calibrated
from polytask.losses import RegularizedCrossentropy

BINARY = "binary_crossentropy"


def network():
    x = keras.Input((3,))
    h = layers.Dense(4, "tanh")(x)
    click = Calibrated()(layers.Dense(1, "sigmoid")(h))
    return MultiTaskModel(x, {"click": click, "like": layers.Dense(1, "sigmoid")(h)})


@pytest.mark.parametrize(
    ("loss", "options", "found"),
    [
        (RegularizedCrossentropy(label_smoothing=0.1), {}, "label_smoothing"),
        (RegularizedCrossentropy(focusing=2.0), {}, "focusing"),
        (RegularizedCrossentropy(confidence_penalty=0.1), {}, "confidence_penalty"),
        (keras.losses.BinaryCrossentropy(label_smoothing=0.1), {}, "label_smoothing"),
        (keras.losses.BinaryFocalCrossentropy(), {}, "BinaryFocalCrossentropy"),
        (BINARY, {"mixup": 0.2}, "mixup"),
    ],
)
def test_what_bends_probabilities_is_refused_for_it_alone(loss, options, found):
    with pytest.raises(UserError, match=f'"click" is declared calibrated, but {found}'):
        network().compile("sgd", loss={"click": loss, "like": BINARY}, **options)
    if not options:
        network().compile("sgd", loss={"click": BINARY, "like": loss})


def test_it_trains_as_without_the_word():
    keras.utils.set_random_seed(0)
    model = network()
    model.compile("sgd", loss={"click": RegularizedCrossentropy(), "like": BINARY})
    x = np.ones((4, 3), "float32")
    y = {"click": np.array([0, 1, 1, -1]), "like": np.array([1, 0, 0, 1])}
    assert np.isfinite(model.train_on_batch(x, y, return_dict=True)["loss"])
