"""Mixup with several tasks, some of whose labels are missing."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask import MultiTaskModel, UserError
from polytask.training.batch import Batch, Mixing
from polytask.training.heads_result import batch_losses

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(6, 3)).astype("float32")
A = np.array([1, 2, np.nan, 4, np.nan, 6], "float32")
B = np.array([0, -1, 2, 1, -1, 0], "int32")


def network(**options):
    keras.utils.set_random_seed(0)
    x = keras.Input((3,))
    h = layers.Dense(4, "tanh")(x)
    outputs = {"a": layers.Dense(1)(h), "b": layers.Dense(3, "softmax")(h)}
    model = MultiTaskModel(x, outputs)
    losses = {"a": "mse", "b": "sparse_categorical_crossentropy"}
    model.compile(keras.optimizers.SGD(0.1), loss=losses, **options)
    return model


def test_losses_are_mixed_and_a_missing_label_takes_its_term_with_it():
    model = network(mixup=0.5)
    share, order = 0.3, np.array([3, 2, 0, 5, 1, 4], "int32")
    mixing = Mixing(ops.convert_to_tensor(share), ops.convert_to_tensor(order))
    out = model(ROWS)
    batch = Batch(ROWS, {"a": A, "b": B}, {}, mixing)
    losses, counts = batch_losses(model.step_plan, out, batch, {})
    predicted = ops.convert_to_numpy(out["a"])[:, 0].astype("float64")
    p = ops.convert_to_numpy(out["b"]).astype("float64")

    def squared(labels):
        there = ~np.isnan(labels)
        return ((predicted - labels)[there] ** 2).mean()

    def entropy(labels):
        there = labels >= 0
        return -np.log(p[np.arange(6)[there], labels[there]]).mean()

    expected = [share * f(y) + (1 - share) * f(y[order]) for f, y in
                ((squared, A), (entropy, B))]  # fmt: skip
    np.testing.assert_allclose(ops.convert_to_numpy(losses), expected, rtol=1e-4)
    np.testing.assert_array_equal(ops.convert_to_numpy(counts), [4, 4])


def test_inputs_are_mixed_by_one_share_and_order():
    plan = network(mixup=1.0).step_plan
    batch = plan.mixup.mix(Batch({"x": ROWS, "z": 2 * ROWS}, {}, {}))
    share = float(ops.convert_to_numpy(batch.mixing.share))
    order = ops.convert_to_numpy(batch.mixing.order)
    assert sorted(order) == list(range(6))
    assert 0 <= share <= 1
    expected = share * ROWS + (1 - share) * ROWS[order]
    for name, factor in (("x", 1), ("z", 2)):
        found = ops.convert_to_numpy(batch.x[name])
        np.testing.assert_allclose(found, factor * expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("balancer", ["equal", "pcgrad"])
def test_a_network_trains_on_mixed_rows_and_draws_anew_each_step(balancer):
    model = network(mixup=0.4, balancer=balancer)
    state = model.step_plan.mixup.random.state
    before = np.array(ops.convert_to_numpy(state))
    history = model.fit(
        ROWS, {"a": A, "b": B}, batch_size=3, epochs=2, verbose=0
    ).history
    assert np.all(np.isfinite(history["loss"]))
    assert not np.array_equal(before, ops.convert_to_numpy(state))
    # Nothing is mixed where nothing is trained.
    first, second = (model.predict(ROWS, verbose=0)["a"] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_saved_model_keeps_the_option(tmp_path):
    model = network(mixup=0.4)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.step_plan.mixup.alpha == 0.4


def test_what_cannot_be_mixed_is_refused():
    with pytest.raises(UserError, match="mixup must be"):
        network(mixup=0.0)
    with pytest.raises(UserError, match="compares two independent halves"):
        network(mixup=0.2, balancer="modo")
    ids = keras.Input((4,), dtype="int32", name="ids")
    h = layers.Flatten()(layers.Embedding(5, 2)(ids))
    model = MultiTaskModel(ids, {t: layers.Dense(1)(h) for t in "ab"})
    with pytest.raises(UserError, match='"ids" holds integers'):
        model.compile("sgd", loss="mse", mixup=0.2)
