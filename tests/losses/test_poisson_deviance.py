"""The Poisson loss less that of a perfect prediction."""

import keras
import numpy as np
from keras import ops

from polytask.losses import PoissonDeviance


def test_it_is_the_loss_of_keras_less_that_of_a_perfect_prediction():
    random = np.random.default_rng(0)
    y = random.poisson(6.0, (50, 1)).astype("float32")
    p = random.gamma(6.0, size=(50, 1)).astype("float32")
    keras_loss = keras.losses.Poisson()
    apart = float(keras_loss(y, p)) - float(keras_loss(y, np.maximum(y, 1e-7)))
    np.testing.assert_allclose(float(PoissonDeviance()(y, p)), apart, rtol=1e-4)


def test_it_is_above_zero_where_that_of_keras_is_below():
    y = np.array([[0.0], [9.0], [40.0]], "float32")
    assert float(keras.losses.Poisson()(y, np.maximum(y, 1e-7))) < 0
    rows = ops.convert_to_numpy(PoissonDeviance(reduction=None)(y, y))
    assert (rows > 0).all()
    assert (rows < 1e-5).all()


def test_it_is_saved_by_name():
    loss = keras.losses.deserialize(keras.losses.serialize(PoissonDeviance()))
    assert isinstance(loss, PoissonDeviance)
