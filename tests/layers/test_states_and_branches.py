"""Zoneout, shake-shake and TaskNorm against their formulas."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask import UserError
from polytask.layers import ShakeShake, TaskNormalization, Zoneout
from polytask.testing import LayerContract
from tests.helpers.gradients import gradient

rng = np.random.default_rng(0)
STEPS = rng.normal(size=(5, 6, 3)).astype("float32")
FIRST, SECOND = rng.normal(size=(2, 5, 3, 4)).astype("float32")
CONTEXT = np.array([1, 0, 1, 1, 0], "float32")


def array(tensor):
    return ops.convert_to_numpy(tensor)


class TestZoneout(LayerContract):
    @pytest.fixture(autouse=True, params=["lstm", "gru"])
    def cell(self, request):
        self.kind = request.param

    def make(self):
        if self.kind == "gru":
            return Zoneout(layers.GRUCell(4), 0.3, seed=1, return_sequences=True)
        return Zoneout(layers.LSTMCell(4), (0.1, 0.5), seed=1)

    def arguments(self):
        return [STEPS]


class TestShakeShake(LayerContract):
    def make(self):
        return ShakeShake(seed=1)

    def arguments(self):
        return [FIRST, SECOND]

    def model(self):
        inputs = [keras.Input(a.shape[1:]) for a in self.arguments()]
        return keras.Model(inputs, self.make()(inputs))


class TestTaskNormalization(LayerContract):
    rows_are_independent = False

    def make(self):
        return TaskNormalization()

    def arguments(self):
        return [FIRST, CONTEXT[:, None]]


def test_states_at_inference_are_the_expected_ones():
    layer = Zoneout(layers.SimpleRNNCell(2), 0.25, return_sequences=True)
    found = array(layer(STEPS))
    kernel, recurrent, bias = layer.get_weights()
    h = np.zeros((5, 2))
    for step in range(6):
        new = np.tanh(STEPS[:, step] @ kernel + h @ recurrent + bias)
        h = 0.25 * h + 0.75 * new
        np.testing.assert_allclose(found[:, step], h, rtol=1e-4, atol=1e-5)


def test_in_training_a_state_is_kept_or_new():
    layer = Zoneout(layers.SimpleRNNCell(40), 0.3, seed=0, return_sequences=True)
    h = array(layer(STEPS, training=True))
    kernel, recurrent, bias = layer.get_weights()
    new = np.tanh(STEPS[:, 1:] @ kernel + h[:, :-1] @ recurrent + bias)
    kept = np.isclose(h[:, 1:], h[:, :-1], atol=1e-6)
    np.testing.assert_allclose(h[:, 1:][~kept], new[~kept], rtol=1e-3, atol=1e-4)
    assert kept.mean() == pytest.approx(0.3, abs=0.05)
    # Each step has a mask of its own.
    assert not np.array_equal(kept[:, 0], kept[:, 1])
    plain = Zoneout(layers.SimpleRNNCell(2), 0.0)
    training, inference = (array(plain(STEPS, training=on)) for on in (True, False))
    np.testing.assert_allclose(training, inference, rtol=1e-5)


def test_branches_are_mixed_differently_forward_and_backward():
    layer = ShakeShake(seed=3)
    layer.build([FIRST.shape, SECOND.shape])
    value = array(layer([FIRST, SECOND], training=True))
    shares = (value - SECOND) / (FIRST - SECOND)
    assert np.ptp(shares, axis=(1, 2)).max() < 1e-2
    assert np.ptp(shares[:, 0, 0]) > 0.05
    again = ShakeShake(seed=3)
    slope = array(gradient(lambda x: ops.sum(again([x, SECOND], training=True)), FIRST))
    assert np.ptp(slope, axis=(1, 2)).max() < 1e-5
    assert np.all(np.abs(slope[:, 0, 0] - shares[:, 0, 0]) > 1e-3)


def test_tasknorm_is_its_formula_and_queries_move_no_moments():
    layer = TaskNormalization(epsilon=1e-3)
    layer.build(FIRST.shape, CONTEXT.shape)
    for variable, value in ((layer.scale, 0.4), (layer.offset, -0.7)):
        variable.assign(value)
    x = FIRST.astype("float64")
    context = x[CONTEXT > 0]
    a = 1 / (1 + np.exp(-(0.4 * 3 - 0.7)))
    mean, row_mean = context.mean((0, 1)), x.mean((1, 2), keepdims=True)
    both = a * mean + (1 - a) * row_mean
    spread = a * (context.var((0, 1)) + (mean - both) ** 2)
    spread += (1 - a) * (x.var((1, 2), keepdims=True) + (row_mean - both) ** 2)
    expected = (x - both) / np.sqrt(spread + 1e-3)
    np.testing.assert_allclose(array(layer(FIRST, CONTEXT)), expected, rtol=1e-3,
                               atol=1e-4)  # fmt: skip
    moved = FIRST.copy()
    moved[1] *= 9.0
    found = array(layer(moved, CONTEXT))
    np.testing.assert_allclose(found[[0, 2, 3, 4]], expected[[0, 2, 3, 4]], rtol=1e-3,
                               atol=1e-4)  # fmt: skip
    alone = array(layer(FIRST, np.zeros(5, "float32")))
    plain = (x - row_mean) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-3)
    np.testing.assert_allclose(alone, plain, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Zoneout(layers.LSTMCell(2), 1.0), "rate must be a finite number"),
        (lambda: Zoneout(layers.GRUCell(2), (0.1, 0.1)), "GRUCell has 1 states"),
        (lambda: ShakeShake()([FIRST]), "a list of two tensors"),
        (lambda: TaskNormalization(0), "epsilon"),
    ],
)
def test_what_is_out_of_range_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
