import keras
import numpy as np
import pytest
from keras import ops

from polytask import UserError
from polytask.layers import DSelectKGate, MixExperts
from polytask.testing import LayerContract
from tests.helpers.gradients import finite_differences, gradient

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(6, 3)).astype("float32")


class TestContract(LayerContract):
    def make(self):
        return DSelectKGate(5, k=2, entropy=0.1)

    def arguments(self):
        return [ROWS]


class TestContractOfTheStaticForm(LayerContract):
    def make(self):
        return DSelectKGate(4, k=3, static=True, gamma=0.5, load_balance=0.1)

    def arguments(self):
        return [np.stack([ROWS, -ROWS], axis=1)]


def smooth_step(t, gamma):
    inside = -2 / gamma**3 * t**3 + 3 / (2 * gamma) * t + 0.5
    return np.where(t <= -gamma / 2, 0, np.where(t >= gamma / 2, 1, inside))


def numpy_forward(x, kernel, bias, order_kernel, order_bias, experts, k, gamma):
    """Return the gate and the selectors, as the paper's section 3 writes them."""
    bits = int(np.ceil(np.log2(experts)))
    z = (x @ kernel + bias).reshape(len(x), k, bits)
    on = smooth_step(z, gamma)
    selectors = np.ones((len(x), k, experts))
    for expert in range(experts):
        for bit in range(bits):
            is_on = (expert >> bit) & 1
            selectors[:, :, expert] *= on[:, :, bit] if is_on else 1 - on[:, :, bit]
    order = np.exp(x @ order_kernel + order_bias)
    shares = order / order.sum(axis=1, keepdims=True)
    return np.einsum("rk,rke->re", shares, selectors), selectors


def parameters(experts, k, seed=0):
    draws = np.random.default_rng(seed)
    bits = int(np.ceil(np.log2(experts)))
    shapes = [(k * bits,), (k,), (3, k * bits), (3, k)]
    return [draws.normal(size=s, scale=0.3).astype("float32") for s in shapes]


@pytest.mark.parametrize("gamma", [0.5, 1.0, 3.0])
def test_the_smooth_step_is_the_cubic_of_the_paper(gamma):
    t = np.linspace(-2, 2, 41).astype("float32")
    found = ops.convert_to_numpy(DSelectKGate(4, gamma=gamma).smooth_step(t))
    np.testing.assert_allclose(found, smooth_step(t, gamma), atol=1e-6)


@pytest.mark.parametrize("experts", [2, 4, 5])
def test_the_gate_is_that_of_the_paper(experts):
    bias, order_bias, kernel, order_kernel = parameters(experts, 2)
    layer = DSelectKGate(experts, k=2, gamma=0.8, entropy=0.5)
    layer.build(ROWS.shape)
    layer.set_weights([bias, order_bias, kernel, order_kernel])
    expected, selectors = numpy_forward(
        ROWS, kernel, bias, order_kernel, order_bias, experts, 2, 0.8
    )
    found = ops.convert_to_numpy(layer(ROWS))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    logs = np.log(np.where(selectors > 0, selectors, 1))
    penalty = -0.5 * np.mean(np.sum(selectors * logs, axis=-1))
    if experts == 5:
        penalty += np.mean(1 / np.maximum(selectors.sum(axis=-1), 1e-6) - 1)
    found = sum(float(ops.convert_to_numpy(loss)) for loss in layer.losses)
    np.testing.assert_allclose(found, penalty, rtol=1e-4)


@pytest.mark.slow
def test_the_gradient_of_the_gate_and_its_entropy_is_right():
    weights = parameters(4, 2)
    # Well inside the smooth part, where differences are exact enough.
    weights[2] *= 0.3

    def objective(x):
        layer = DSelectKGate(4, k=2, gamma=4.0, entropy=1.0)
        layer.build(ROWS.shape)
        layer.set_weights(weights)
        values = ops.convert_to_tensor(np.arange(4.0, dtype="float32"))
        return ops.sum(layer(x) * values) + layer.losses[-1]

    np.testing.assert_allclose(
        gradient(objective, ROWS), finite_differences(objective, ROWS), atol=2e-3
    )


def trained_gate(entropy, steps=150, experts=4, target=(1.0, 0.0, 0.0, 2.0)):
    """Fit a static gate over constant experts to a mixture of the first and last."""
    x = keras.Input((3,))
    gate = DSelectKGate(experts, k=2, static=True, entropy=entropy)
    constant = keras.Input((experts, experts))
    model = keras.Model([x, constant], MixExperts()(constant, gate(x)))
    draws = np.random.default_rng(0)
    gate.set_weights([draws.normal(size=w.shape) * 0.02 for w in gate.get_weights()])
    model.compile(keras.optimizers.Adam(0.02), loss="mse")
    rows = np.zeros((4, 3), "float32")
    identity = np.tile(np.eye(experts, dtype="float32"), (4, 1, 1))
    wanted = np.tile(np.array(target, "float32") / sum(target), (4, 1))
    for _ in range(steps):
        model.train_on_batch([rows, identity], wanted)
    return ops.convert_to_numpy(gate(rows))[0]


def test_training_with_entropy_ends_with_exactly_k_experts():
    weights = trained_gate(entropy=0.01)
    assert np.flatnonzero(weights).tolist() == [0, 3]
    np.testing.assert_allclose(weights, [1 / 3, 0, 0, 2 / 3], atol=0.05)


def test_the_entropy_penalty_alone_makes_the_selectors_choose():
    keras.utils.set_random_seed(0)
    gate = DSelectKGate(4, k=2, entropy=1.0)
    x = keras.Input((3,))
    model = keras.Model(x, gate(x))
    # The loss on the output is zero: only the penalty has a gradient.
    model.compile(keras.optimizers.Adam(0.05), loss=lambda y, p: ops.sum(0.0 * p))
    before = model.predict(ROWS, verbose=0)
    for _ in range(60):
        model.train_on_batch(ROWS, np.zeros((6, 4), "float32"))
    after = model.predict(ROWS, verbose=0)
    assert (before > 0).sum(axis=1).min() == 4
    assert (after > 1e-6).sum(axis=1).max() <= 2


def test_codes_without_an_expert_lose_their_share():
    weights = trained_gate(entropy=0.01, experts=3, target=(1.0, 0.0, 1.0))
    np.testing.assert_allclose(weights.sum(), 1, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k must be an integer, at least 1; found 0"),
        ({"k": 5}, "k must be at most the number of experts, 4; found 5"),
        ({"gamma": 0.0}, "gamma must be a number above 0"),
        ({"unreachable": -1.0}, "unreachable must be a number from 0"),
        ({"num_experts": 0}, "num_experts must be an integer, at least 1"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        DSelectKGate(**{"num_experts": 4, **options})
