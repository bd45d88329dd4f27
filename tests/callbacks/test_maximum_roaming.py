"""Units that tasks swap: how many, which, and until when."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask import MultiTaskModel, UserError
from polytask.callbacks import MaximumRoaming
from polytask.layers import RoamingUnits


def parts_of(layer):
    return ops.convert_to_numpy(layer.parts).copy()


def network():
    keras.utils.set_random_seed(0)
    x = keras.Input((3,))
    h = layers.Dense(10, "tanh", name="trunk")(x)
    units = RoamingUnits(["a", "b"], share=0.6, name="units")(h)
    model = MultiTaskModel(x, {t: layers.Dense(1)(units[t]) for t in "ab"})
    model.compile("sgd", loss="mse")
    return model


def test_each_swap_trades_one_unit_for_a_new_one_until_all_were_visited():
    layer = RoamingUnits(["a", "b", "c"], share=0.6, seed=3)
    layer.build((None, 10))
    seen = [parts_of(layer)]
    for _ in range(4):
        assert layer.roam() == 3
        seen.append(parts_of(layer))
        np.testing.assert_array_equal(seen[-1].sum(1), 6)
        np.testing.assert_array_equal(np.abs(seen[-1] - seen[-2]).sum(1), 2)
    np.testing.assert_array_equal(np.max(seen, axis=0), 1)
    assert layer.roam() == 0
    np.testing.assert_array_equal(parts_of(layer), seen[-1])


def test_a_task_reads_its_units_alone_and_training_moves_them():
    model = network()
    layer = model.get_layer("units")
    rows = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    start = parts_of(layer)
    units = layer(model.get_layer("trunk")(rows))
    np.testing.assert_array_equal(
        ops.convert_to_numpy(units["a"]) != 0, np.tile(start[0] != 0, (8, 1))
    )
    y = dict.fromkeys("ab", rows[:, 0])
    model.fit(rows, y, epochs=3, verbose=0, callbacks=[MaximumRoaming(every=2)])
    np.testing.assert_array_equal(np.abs(parts_of(layer) - start).sum(1), 2)


def test_a_file_keeps_the_units(tmp_path):
    model = network()
    model.get_layer("units").roam()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras").get_layer("units")
    for each in (model.get_layer("units"), loaded):
        each.roam()
    np.testing.assert_array_equal(parts_of(loaded), parts_of(model.get_layer("units")))


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match="share must be"):
        RoamingUnits(["a"], share=0)
    with pytest.raises(UserError, match="needs the names"):
        RoamingUnits([])
    x = keras.Input((2,))
    model = MultiTaskModel(x, {"a": layers.Dense(1)(x)})
    model.compile("sgd", loss="mse")
    rows = np.ones((4, 2), "float32")
    with pytest.raises(UserError, match="the model has no such layer"):
        model.fit(rows, {"a": rows[:, 0]}, verbose=0, callbacks=[MaximumRoaming()])
