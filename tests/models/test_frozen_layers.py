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


def test_inputs_that_heads_read_side_by_side_need_no_gradient():
    x = [keras.Input((2,)), keras.Input((3,))]
    table = keras.layers.Concatenate()(x)
    h = keras.layers.Dense(2, activation="tanh", name="trunk")(x[0])
    outputs = {
        task: keras.layers.Add()(
            [
                keras.layers.Dense(1)(h),
                keras.layers.Dense(1, name=f"{task}_wide")(table),
            ]
        )
        for task in "ab"
    }
    model = MultiTaskModel(x, outputs)
    plain = keras.Model(x, outputs)
    rows = np.random.default_rng(0).normal(size=(8, 5)).astype("float32")
    targets = {"a": rows[:, :1], "b": rows[:, 1:2]}
    start = model.get_weights()
    ends = []
    for network in (model, plain):
        network.set_weights(start)
        network.compile(keras.optimizers.SGD(0.1), loss="mse")
        network.fit([rows[:, :2], rows[:, 2:]], targets, batch_size=8, verbose=0)
        ends.append(network.get_weights())
    for ours, theirs in zip(*ends, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
