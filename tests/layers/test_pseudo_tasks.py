"""Pseudo-tasks: decoders that learn side by side, of which the best is kept."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import polytask
from polytask import MultiTaskModel, UserError, best_decoders
from polytask.callbacks import PseudoTaskControl
from polytask.layers import PseudoTasks
from polytask.losses import MemberLoss
from polytask.models.best_decoders import decoder_losses
from polytask.testing import LayerContract
from tests.helpers.one_step import some_batch, step

SPARSE = "sparse_categorical_crossentropy"


def array(tensor):
    return ops.convert_to_numpy(tensor)


class TestPseudoTasks(LayerContract):
    def make(self):
        return PseudoTasks(3, decoders=2, activation="tanh")

    def arguments(self):
        return [np.random.default_rng(0).normal(size=(6, 5)).astype("float32")]


def network(**options):
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    h = layers.Dense(5, "tanh", name="trunk")(x)
    outputs = {
        "a": PseudoTasks(1, name="a", **options)(h),
        "b": PseudoTasks(3, activation="softmax", name="b", **options)(h),
        "c": layers.Dense(1, name="c")(h),
    }
    return MultiTaskModel(x, outputs)


LOSSES = {"a": MemberLoss("mse"), "b": MemberLoss(SPARSE), "c": "mse"}


def batch():
    x, y = some_batch()
    y["a"][3:7] = np.nan
    return x, {**y, "b": np.arange(16) % 4 - 1}


def test_each_decoder_begins_and_learns_as_a_head_of_its_own():
    x, y = batch()
    model = network(kernel_initializer=keras.initializers.GlorotUniform(seed=1))
    kernels = array(model.get_layer("a").kernel)
    assert not np.allclose(kernels[0], kernels[1])
    start = model.get_layer("trunk").get_weights()
    h = np.tanh(x @ start[0] + start[1])
    _, moved = step((x, y), LOSSES, model)
    there = ~np.isnan(y["a"])
    for kernel, found in zip(kernels, moved["a/kernel"], strict=True):
        error = np.where(there, (h @ kernel)[:, 0] - np.nan_to_num(y["a"]), 0.0)
        # The loss is the mean over three decoders.
        expected = 2 * h.T @ error / there.sum() / 3
        np.testing.assert_allclose(found[:, 0], expected, rtol=1e-3, atol=1e-5)


def test_frozen_decoders_teach_the_trunk_and_stay():
    _, moved = step(batch(), LOSSES, network(frozen=True))
    assert np.all(moved["a/kernel"][0] != 0)
    np.testing.assert_array_equal(moved["a/kernel"][1:], 0.0)
    _, alone = step(batch(), LOSSES, network(decoders=1))
    assert not np.allclose(moved["trunk/kernel"], alone["trunk/kernel"], rtol=1e-2)


def test_neither_decay_nor_a_penalty_moves_a_frozen_decoder():
    model = network(frozen=True, kernel_regularizer=polytask.regularizers.L1(0.1))
    layer = model.get_layer("a")
    before = [layer.decoder(number) for number in range(3)]
    model.compile(keras.optimizers.SGD(0.1), loss=LOSSES, weight_decay=0.5)
    model.train_on_batch(*batch())
    after = [layer.decoder(number) for number in range(3)]
    assert not np.allclose(before[0][0], after[0][0])
    for number in (1, 2):
        for old, new in zip(before[number], after[number], strict=True):
            np.testing.assert_array_equal(old, new)


def test_each_decoder_drops_inputs_by_a_mask_and_a_rate_of_its_own():
    layer = PseudoTasks(1, decoders=3, dropout=0.5, seed=0, kernel_initializer="ones")
    x = np.ones((400, 20), "float32")
    layer.build(x.shape)
    layer.rates.assign([0.0, 0.5, 0.8])
    said = array(layer(x, training=True))[..., 0]
    np.testing.assert_allclose(said[:, 0], 20.0, rtol=1e-6)
    np.testing.assert_allclose(said.mean(0), 20.0, rtol=0.05)
    # A sum of 20 numbers that are 1 / (1 - p) at the rate 1 - p, and otherwise 0.
    np.testing.assert_allclose(
        said.var(0), [0.0, 20 * 0.5 / 0.5, 20 * 0.8 / 0.2], rtol=0.2, atol=1e-6
    )
    assert abs(np.corrcoef(said[:, 1], said[:, 2])[0, 1]) < 0.2
    np.testing.assert_allclose(array(layer(x))[..., 0], 20.0, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("greedy", [False, True])
def test_decoders_move_from_the_best_or_where_they_are(greedy):
    x, y = batch()
    model = network(dropout=0.3)
    model.compile(keras.optimizers.SGD(1e-12), loss=LOSSES)
    losses = decoder_losses(model, x, y)
    best = int(np.argmin(losses["b"]))
    layer = model.get_layer("b")
    start = array(layer.kernel).copy()
    control = PseudoTaskControl(x, y, greedy, perturb=0.01, hyperperturb=0.1, every=2)
    model.fit(x, y, epochs=1, verbose=0, callbacks=[control])
    np.testing.assert_allclose(array(layer.kernel), start, atol=1e-6)
    model.fit(x, y, epochs=2, verbose=0, callbacks=[control])
    end, rates = array(layer.kernel), array(layer.rates)
    expected = start[best] if greedy else start
    apart = np.abs(end - expected)
    np.testing.assert_allclose(end[best], start[best], atol=1e-6)
    others = np.arange(3) != best
    assert np.all(apart[others].max(axis=(1, 2)) > 0.005)
    assert apart.max() < 0.06
    assert rates[best] == np.float32(0.3)
    assert np.all((rates[others] != 0.3) & (rates[others] >= 0) & (rates[others] < 1))


def test_a_control_that_has_nothing_to_move_is_refused():
    x, y = batch()
    with pytest.raises(UserError, match="does nothing"):
        PseudoTaskControl(x, y)
    cases = [({"frozen": True}, {"greedy": True}, "are frozen")]
    cases.append(({}, {"hyperperturb": 0.1}, "has none"))
    for options, asked, message in cases:
        model = network(**options)
        model.compile("sgd", loss=LOSSES)
        control = PseudoTaskControl(x, y, **asked)
        with pytest.raises(UserError, match=message):
            model.fit(x, y, verbose=0, callbacks=[control])


def test_the_best_decoder_on_rows_with_labels_is_kept():
    x, y = batch()
    model = network()
    model.compile("sgd", loss=LOSSES)
    said = model.predict(x, verbose=0)
    there = ~np.isnan(y["a"])
    errors = ((said["a"][there, :, 0] - y["a"][there, None]) ** 2).mean(0)
    known = y["b"] >= 0
    entropies = -np.log(said["b"][known, :, y["b"][known]]).mean(0)
    best = best_decoders(model, x, y)
    found = best.predict(x, verbose=0)
    for task, losses in (("a", errors), ("b", entropies)):
        expected = said[task][:, losses.argmin()]
        np.testing.assert_allclose(found[task], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["c"], said["c"], rtol=1e-5)
    assert best.get_layer("trunk") is model.get_layer("trunk")
    best.compile("sgd", loss={"a": "mse", "b": SPARSE, "c": "mse"})
    assert np.isfinite(best.train_on_batch(x, y, return_dict=True)["loss"])


def test_there_must_be_decoders_and_labels_to_choose_by():
    x, y = batch()
    model = network()
    model.compile("sgd", loss=LOSSES)
    with pytest.raises(UserError, match='"a" by their loss, but no row has a label'):
        best_decoders(model, x, {**y, "a": np.full(16, np.nan)})
    plain = MultiTaskModel(model.input, {"c": model.task_outputs["c"]})
    plain.compile("sgd", loss="mse")
    with pytest.raises(UserError, match="no task has them"):
        polytask.best_decoders(plain, x, y["c"])
    with pytest.raises(UserError, match="decoders must be an integer"):
        PseudoTasks(1, decoders=0)
