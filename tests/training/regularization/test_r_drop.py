"""R-Drop: its term, what it leaves as it was, and rows without a label."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask import MultiTaskModel, UserError
from polytask.training import VAT, RDrop
from tests.helpers.one_step import build, some_batch, step


def with_dropout(regularizer, **options):
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    h = layers.Dense(8, "tanh", name="trunk")(x)
    h = layers.Dropout(0.5, seed=1)(h)
    model = MultiTaskModel(x, {t: layers.Dense(1, name=t)(h) for t in "abc"})
    model.compile("sgd", loss="mse", regularizers=regularizer, **options)
    return model


def test_without_dropout_a_step_is_the_plain_one():
    _, plain = step(some_batch())
    _, moved = step(some_batch(), regularizers=RDrop(3.0))
    for path, gradient in plain.items():
        np.testing.assert_allclose(moved[path], gradient, rtol=1e-3, atol=1e-5)


def test_the_term_is_half_of_both_divergences():
    plan = build()
    plan.compile("sgd", loss="mse")
    tasks = plan.step_plan.trained
    rng = np.random.default_rng(0)
    outputs = {t: rng.normal(size=(8, 1)).astype("float32") for t in "abc"}
    found = RDrop(0.7).terms(tasks, {t: ops.array(v) for t, v in outputs.items()}, None)
    for term, output in zip(found, outputs.values(), strict=True):
        expected = 0.7 * np.mean((output[:4] - output[4:]) ** 2)
        assert float(term) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_a_task_learns_from_rows_without_a_label_and_reports_its_labels_alone():
    x, y = some_batch()
    y["b"][:] = np.nan
    model = with_dropout(RDrop(1.0))
    head = ops.convert_to_numpy(model.get_layer("b").kernel).copy()
    logs = model.train_on_batch(x, y, return_dict=True)
    assert np.isnan(logs["b_loss"])
    assert logs["loss"] > logs["a_loss"] + logs["c_loss"]
    assert not np.allclose(head, ops.convert_to_numpy(model.get_layer("b").kernel))
    plain = with_dropout(None)
    plain.train_on_batch(x, y)
    np.testing.assert_array_equal(
        head, ops.convert_to_numpy(plain.get_layer("b").kernel)
    )


@pytest.mark.slow
def test_it_trains_beside_mixup_and_a_balancer_of_gradients():
    x, y = some_batch()
    model = with_dropout([RDrop(0.5)], mixup=0.3, balancer="pcgrad")
    assert np.isfinite(model.train_on_batch(x, y, return_dict=True)["loss"])


def test_what_does_not_go_together_is_refused():
    with pytest.raises(UserError, match="compares two independent halves"):
        with_dropout(RDrop(), balancer="modo")
    with pytest.raises(UserError, match="strength must be a finite number, above 0"):
        RDrop(0)
    with pytest.raises(UserError, match="RDrop and VAT both put a second half behind"):
        with_dropout([RDrop(), VAT()])
