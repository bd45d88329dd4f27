"""Elastic weight consolidation: Fisher information and the pull to earlier weights."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import polytask
from polytask import MultiTaskModel, UserError
from polytask.regularizers import L2
from polytask.training import ElasticWeightConsolidation
from tests.helpers.one_step import build, some_batch, step


def test_the_information_is_the_mean_squared_gradient_of_a_row():
    keras.utils.set_random_seed(0)
    x = keras.Input((3,))
    h = layers.BatchNormalization(name="norm")(x)
    head = layers.Dense(
        1, name="a", kernel_regularizer=L2(5.0), activity_regularizer=L2(5.0)
    )
    model = MultiTaskModel(x, {"a": head(h), "b": layers.Dense(1, name="b")(h)})
    model.compile("sgd", loss="mse", loss_weights={"a": 0.5})
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(7, 3)).astype("float32")
    y = {t: rng.normal(size=7).astype("float32") for t in "ab"}
    y["b"][:3] = np.nan
    before = [w.copy() for w in model.get_weights()]
    found = polytask.fisher_information(model, rows, y)
    norm = ops.convert_to_numpy(model.get_layer("norm")(rows))
    for task, weight in (("a", 0.5), ("b", 1.0)):
        kernel, bias = model.get_layer(task).get_weights()
        error = np.nan_to_num((norm @ kernel + bias)[:, 0] - y[task])
        expected = np.mean((2 * weight * error[:, None] * norm) ** 2, axis=0)
        np.testing.assert_allclose(found[f"{task}/kernel"][:, 0], expected, rtol=1e-3)
    assert not any(path.startswith("norm") for path in found)
    for mine, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, old)


def test_weights_are_pulled_to_the_reference_by_their_importance():
    rng = np.random.default_rng(0)
    kernel = build().get_layer("trunk").kernel
    old = {kernel.path: rng.normal(size=kernel.shape).astype("float32")}
    fisher = {kernel.path: rng.uniform(size=kernel.shape).astype("float32")}
    held = ElasticWeightConsolidation(old, fisher, strength=3.0)
    _, plain = step(some_batch())
    _, moved = step(some_batch(), regularizers=held)
    now = ops.convert_to_numpy(build().get_layer("trunk").kernel)
    pull = 3.0 * fisher[kernel.path] * (now - old[kernel.path])
    expected = plain["trunk/kernel"] + pull
    np.testing.assert_allclose(moved["trunk/kernel"], expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(moved["a/kernel"], plain["a/kernel"], rtol=1e-4)


ONE = np.ones((6, 5))


@pytest.mark.parametrize(
    ("reference", "importance", "message"),
    [
        ({}, {"trunk/kernel": ONE}, "reference has no weights"),
        ({"trunk/kernel": ONE}, {"trunk/kernel": -ONE}, "at least 0"),
        ({"x": ONE}, {"x": ONE}, "holds the variables x; the model has trunk"),
        ({"trunk/kernel": ONE[1:]}, {"trunk/kernel": ONE}, r"has the shape \(6, 5\)"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(reference, importance, message):
    def compiled():
        held = ElasticWeightConsolidation(reference, importance)
        build().compile("sgd", loss="mse", regularizers=held)

    with pytest.raises(UserError, match=message):
        compiled()
