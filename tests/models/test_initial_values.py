"""Initial values as a function of a seed and of names."""

import keras
import numpy as np

from polytask.models.initial_values import (
    begin_with,
    initial_values,
    unknown_beginnings,
)


class Ragged(keras.layers.Layer):
    """Has random weights, and no attribute that says how they began."""

    def build(self, shape):
        self.w = self.add_weight(shape=(3,), initializer="normal", name="w")

    def call(self, x):
        return x + self.w[0]


def network(dropout=True, seed=None):
    x = keras.Input((4,))
    initializer = keras.initializers.HeNormal(seed=seed)
    h = keras.layers.Dense(3, kernel_initializer=initializer, name="trunk")(x)
    if dropout:
        h = keras.layers.Dropout(0.5, name="drop")(h)
    return keras.Model(x, keras.layers.Dense(1, name="head")(h))


def weights(model):
    return [keras.ops.convert_to_numpy(w) for w in model.weights]


def test_networks_that_differ_in_a_layer_begin_alike_elsewhere():
    first, second = network(), network(dropout=False)
    begin_with(first, 7)
    begin_with(second, 7)
    for a, b in zip(weights(first), weights(second), strict=True):
        np.testing.assert_array_equal(a, b)


def test_seeds_give_other_weights_and_masks():
    model = network()
    found = [initial_values(model, seed) for seed in (0, 1)]
    assert len(found[0]) == 3
    for key, value in found[0].items():
        assert not np.array_equal(np.asarray(value), np.asarray(found[1][key]))


def test_a_seed_of_the_users_own_stays():
    begin_with(model := network(seed=5), 0)
    begin_with(other := network(seed=5), 1)
    np.testing.assert_array_equal(weights(model)[0], weights(other)[0])


def test_a_random_weight_without_its_initializer_is_named():
    x = keras.Input((4,))
    assert unknown_beginnings(network()) == []
    assert unknown_beginnings(keras.Model(x, Ragged(name="r")(x))) == ["r/w"]
