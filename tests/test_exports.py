"""What the package publishes is reachable, documented and loadable."""

import importlib
import inspect

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, balancing
from polytask._export import EXPORTS


@pytest.mark.parametrize("path", sorted(EXPORTS))
def test_every_published_class_is_found_under_its_path(path):
    module, name = path.rsplit(".", 1)
    assert getattr(importlib.import_module(module), name) is EXPORTS[path]


@pytest.mark.parametrize("path", sorted(EXPORTS))
def test_every_published_class_can_be_loaded_by_keras(path):
    cls = EXPORTS[path]
    name = keras.saving.get_registered_name(cls)
    assert name == f"polytask>{cls.__name__}"
    assert keras.saving.get_registered_object(name) is cls


@pytest.mark.parametrize("path", sorted(EXPORTS))
def test_every_published_class_is_documented(path):
    text = inspect.getdoc(EXPORTS[path])
    assert text
    assert text.split("\n")[0].endswith(".")


TRAINABLE = sorted(set(balancing.names()) - {"fixed"})


@pytest.mark.slow
@pytest.mark.two_backends
@pytest.mark.parametrize("name", TRAINABLE)
def test_every_balancer_trains_a_model(name):
    x = keras.Input((4,))
    h = keras.layers.Dense(3, "tanh")(x)
    model = MultiTaskModel(x, {t: keras.layers.Dense(1)(h) for t in "ab"})
    model.compile("adam", loss="mse", balancer=name)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(16, 4)).astype("float32")
    targets = {"a": rows[:, 0], "b": rows[:, 1]}
    history = model.fit(rows, targets, epochs=2, batch_size=8, verbose=0).history
    assert np.all(np.isfinite(history["loss"]))
    assert "skipped_steps" not in history
