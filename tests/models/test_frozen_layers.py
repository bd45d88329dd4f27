import keras
import numpy as np

from polytask import MultiTaskModel


def test_what_is_frozen_in_a_head_stays_and_the_rest_of_the_network_trains():
    x = keras.Input((3,))
    trunk = keras.layers.Dense(2, activation="tanh", name="trunk")
    frozen = keras.layers.Dense(1, trainable=False, name="frozen")
    h = trunk(x)
    model = MultiTaskModel(x, {"a": frozen(h), "b": keras.layers.Dense(1)(h)})
    before = [keras.ops.convert_to_numpy(w.kernel).copy() for w in (trunk, frozen)]
    rows = np.random.default_rng(0).normal(size=(8, 3))
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    model.fit(rows, {"a": rows[:, :1], "b": rows[:, 1:2]}, verbose=0)
    after = [keras.ops.convert_to_numpy(w.kernel) for w in (trunk, frozen)]
    assert np.abs(after[0] - before[0]).max() > 1e-4
    np.testing.assert_array_equal(after[1], before[1])
