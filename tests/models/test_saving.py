import json
import warnings
import zipfile

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel
from polytask.errors import UserError
from polytask.optimizers.portable_config import portable_config
from polytask.regularizers import L21


def continued(model, table):
    x, y = table
    history = model.fit(x, y, batch_size=32, epochs=2, shuffle=False, verbose=0).history
    return model.get_weights(), history


@pytest.mark.parametrize(
    "balancer",
    [
        pytest.param("equal", marks=pytest.mark.two_backends),
        pytest.param("dwa", marks=pytest.mark.two_backends),
        "nash_mtl",
    ],
)
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


def test_a_file_loads_without_a_warning(table, network, losses, tmp_path):
    model = network(MultiTaskModel)
    model.compile("adam", loss=losses)
    continued(model, table)
    model.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        keras.models.load_model(tmp_path / "model.keras")


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


def two_towers():
    """Return a model whose towers' second kernels a structure can couple."""
    keras.utils.set_random_seed(0)
    x = keras.Input((10,))
    h = keras.layers.Dense(6, "relu")(x)
    ends = {}
    for task in ("click", "rating"):
        tower = keras.layers.Dense(4, "relu", name=f"{task}_tower")(h)
        tower = keras.layers.Dense(4, "relu", name=f"{task}_second")(tower)
        ends[task] = keras.layers.Dense(1, name=task)(tower)
    return MultiTaskModel(x, ends)


SECOND = ["click_second", "rating_second"]


@pytest.mark.slow
@pytest.mark.two_backends
@pytest.mark.parametrize("by_path", [False, True])
def test_a_structure_on_named_kernels_is_saved_and_trains_on(table, tmp_path, by_path):
    model = two_towers()
    kernels = [model.get_layer(name).kernel for name in SECOND]
    named = [kernel.path for kernel in kernels] if by_path else kernels
    model.compile(
        keras.optimizers.Adam(0.01), loss="mse", task_structure=[(L21(0.05), named)]
    )
    continued(model, table)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    [(structure, coupled)] = loaded.step_plan.structures
    assert isinstance(structure, L21)
    assert coupled == [loaded.get_layer(name).kernel for name in SECOND]
    weights, history = continued(model, table)
    weights_loaded, history_loaded = continued(loaded, table)
    for a, b in zip(weights, weights_loaded, strict=True):
        np.testing.assert_array_equal(a, b)
    assert history == history_loaded


def test_an_optimizer_that_scales_losses_is_saved_free_of_the_backend():
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    config = portable_config(optimizer)
    inner = config["config"]["inner_optimizer"]
    assert [one["module"] for one in (config, inner)] == ["keras.optimizers"] * 2


def test_a_saved_path_that_is_gone_is_named():
    model = two_towers()
    kernels = [model.get_layer(name).kernel for name in SECOND]
    model.compile("adam", loss="mse", task_structure=[(L21(0.05), kernels)])
    config = model.get_compile_config()
    model.get_layer("click_second").kernel._path = "click_third/kernel"
    with pytest.raises(UserError, match=r"found .click_second/kernel., which is no"):
        model.compile_from_config(config)


def test_a_kernel_of_another_model_is_refused():
    model, other = two_towers(), two_towers()
    kernels = [model.get_layer("click").kernel, other.get_layer("rating").kernel]
    with pytest.raises(UserError, match="no trainable variable of the model"):
        model.compile("adam", loss="mse", task_structure=[(L21(0.05), kernels)])
