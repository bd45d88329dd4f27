import json
import zipfile

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel


def continued(model, table):
    x, y = table
    history = model.fit(x, y, batch_size=32, epochs=2, shuffle=False, verbose=0).history
    return model.get_weights(), history


@pytest.mark.parametrize("balancer", ["equal", "dwa", "nash_mtl"])
def test_training_continues_from_a_file_as_if_never_stopped(
    table, network, losses, tmp_path, balancer
):
    model = network(MultiTaskModel, trunk_penalty=keras.regularizers.L1(1e-3))
    model.compile(
        keras.optimizers.Adam(0.01),
        loss=losses,
        metrics={"click": ["accuracy"]},
        balancer=balancer,
    )
    continued(model, table)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, MultiTaskModel)
    weights, history = continued(model, table)
    weights_loaded, history_loaded = continued(loaded, table)
    for a, b in zip(weights, weights_loaded, strict=True):
        np.testing.assert_array_equal(a, b)
    assert history == history_loaded


def test_a_file_names_no_backend(table, network, losses, tmp_path):
    model = network(MultiTaskModel)
    model.compile(keras.optimizers.Adam(0.01), loss=losses)
    continued(model, table)
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        config = json.loads(file.read("config.json"))
    assert "backend" not in json.dumps(config["compile_config"])


def test_weights_hold_nothing_of_the_training(network, losses, table):
    model = network(MultiTaskModel)
    before = len(model.get_weights())
    model.compile("adam", loss=losses, balancer="dwa")
    continued(model, table)
    assert len(model.get_weights()) == before


def test_a_model_whose_heads_read_the_input_too_can_be_saved(table, tmp_path):
    x = keras.Input((10,))
    h = keras.layers.Dense(4)(x)
    both = {t: keras.layers.Concatenate()([h, x]) for t in ("click", "rating")}
    model = MultiTaskModel(x, {t: keras.layers.Dense(1)(b) for t, b in both.items()})
    model.compile("adam", loss="mse")
    model.fit(*table, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    found, expected = (m.predict(table[0], verbose=0) for m in (loaded, model))
    np.testing.assert_array_equal(found["click"], expected["click"])
