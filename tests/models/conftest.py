import keras
import numpy as np
import pytest


@pytest.fixture
def table():
    """A small table with a binary and a regression target."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 10)).astype("float32")
    y = {
        "click": (x[:, 0] + 0.3 * rng.normal(size=128) > 0).astype("float32"),
        "rating": (x[:, 1:2] - x[:, 2:3]).astype("float32"),
    }
    return x, y


@pytest.fixture
def network():
    """Return a function that builds the same network as any model class."""

    def build(cls, trunk_penalty=None, head_penalty=None, dropout=0.3, seed=0):
        keras.utils.set_random_seed(seed)
        x = keras.Input((10,))
        h = keras.layers.Dense(16, "relu", kernel_regularizer=trunk_penalty)(x)
        h = keras.layers.BatchNormalization()(h)
        h = keras.layers.Dropout(dropout, seed=1)(h)
        tower = keras.layers.Dense(8, "relu", name="tower")(h)
        click = keras.layers.Dense(
            1, "sigmoid", name="click", kernel_regularizer=head_penalty
        )(tower)
        rating = keras.layers.Dense(1, name="rating")(h)
        return cls(x, {"click": click, "rating": rating})

    return build


@pytest.fixture
def losses():
    return {"click": "binary_crossentropy", "rating": "mse"}
