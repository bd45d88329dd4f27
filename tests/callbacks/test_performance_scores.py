"""Scores for PIVRG from the logs."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError, callbacks

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = {"a": X[:, :1], "b": (X[:, 1] > 0).astype("float32")}


def compiled(balancer):
    keras.utils.set_random_seed(0)
    x = keras.Input((3,))
    h = keras.layers.Dense(4, "tanh")(x)
    outputs = {
        "a": keras.layers.Dense(1)(h),
        "b": keras.layers.Dense(1, "sigmoid")(h),
    }
    model = MultiTaskModel(x, outputs)
    losses = {"a": "mse", "b": "binary_crossentropy"}
    model.compile("sgd", loss=losses, metrics={"b": ["auc"]}, balancer=balancer)
    return model


def fit(model, callback):
    data = {"validation_data": (X, Y), "verbose": 0}
    return model.fit(X, Y, callbacks=[callback], **data).history


@pytest.mark.slow
@pytest.mark.two_backends
@pytest.mark.parametrize("balancer", ["pivrg", "cr_mogm+pivrg"])
def test_a_score_is_what_a_task_lacks_in_percent_of_its_reference(balancer):
    model = compiled(balancer)
    monitor = {"a": "val_a_loss", "b": "val_b_auc"}
    callback = callbacks.PerformanceScores({"a": 0.5, "b": 0.8}, monitor)
    history = fit(model, callback)
    behind = [
        100 * (history["val_a_loss"][0] / 0.5 - 1),
        100 * (1 - history["val_b_auc"][0] / 0.8),
    ]
    told = getattr(model.balancer, "balancer", model.balancer).state["scores"]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(told), behind, rtol=1e-5)
    assert history["a_behind"][0] == pytest.approx(behind[0])


@pytest.mark.parametrize(
    ("balancer", "references", "message"),
    [
        ("mgda", {"a": 1.0, "b": 1.0}, "compiled with MGDA"),
        ("pivrg", {"a": 1.0}, 'no reference for task "b"; found a'),
    ],
)
def test_what_the_scores_need_is_named(balancer, references, message):
    with pytest.raises(UserError, match=message):
        fit(compiled(balancer), callbacks.PerformanceScores(references))


def test_a_reference_of_zero_is_refused():
    with pytest.raises(UserError, match=r'other than 0; found 0\.0 for task "a"'):
        callbacks.PerformanceScores({"a": 0.0})
