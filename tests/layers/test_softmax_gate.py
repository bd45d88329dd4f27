import keras
import numpy as np
import pytest
from keras import ops

from polytask import UserError
from polytask.layers import SoftmaxGate
from polytask.testing import LayerContract
from tests.helpers.gradients import finite_differences, gradient

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(8, 5)).astype("float32")
PICTURES = rng.normal(size=(6, 3, 2, 5)).astype("float32")
KERNEL = rng.normal(size=(5, 4)).astype("float32")
BIAS = rng.normal(size=4).astype("float32")


class TestContract(LayerContract):
    def make(self):
        return SoftmaxGate(
            4,
            task="click",
            load_balance=0.1,
            entropy=0.1,
            kernel_regularizer=keras.regularizers.L2(1e-3),
        )

    def arguments(self):
        return [PICTURES]


class TestContractWithDropout(LayerContract):
    def make(self):
        return SoftmaxGate(4, dropout=0.3, seed=1, load_balance=0.1, balance="switch")

    def arguments(self):
        return [ROWS]


def gate(**options):
    layer = SoftmaxGate(4, **options)
    layer.build(ROWS.shape)
    layer.set_weights([KERNEL, BIAS, *layer.get_weights()[2:]])
    return layer


def softmax(logits):
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def weights_of(layer, x, **options):
    return ops.convert_to_numpy(layer(x, **options))


def test_it_is_the_softmax_of_a_linear_function():
    expected = softmax(ROWS @ KERNEL + BIAS)
    np.testing.assert_allclose(weights_of(gate(), ROWS), expected, rtol=1e-5)


def test_pictures_are_gated_by_the_mean_over_their_positions():
    expected = softmax(PICTURES.mean(axis=(1, 2)) @ KERNEL + BIAS)
    np.testing.assert_allclose(weights_of(gate(), PICTURES), expected, rtol=1e-4)


def test_masked_steps_do_not_count_in_the_mean():
    steps = rng.normal(size=(3, 4, 5)).astype("float32")
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], bool)
    means = [steps[0, :2].mean(axis=0), steps[1].mean(axis=0), np.zeros(5)]
    found = weights_of(gate(), steps, mask=mask)
    np.testing.assert_allclose(found, softmax(means @ KERNEL + BIAS), rtol=1e-5)


def test_dropout_leaves_experts_out_and_scales_the_others_to_one():
    layer = gate(dropout=0.4, seed=3)
    full = softmax(np.zeros((4000, 5)) @ KERNEL + BIAS)
    found = weights_of(layer, np.zeros((4000, 5), "float32"), training=True)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    kept = found > 0
    rest = full * kept
    np.testing.assert_allclose(
        found, rest / rest.sum(axis=1, keepdims=True), rtol=1e-5, atol=1e-7
    )
    # A row that would lose all four keeps all four.
    assert abs(kept.mean() - (0.6 + 0.4**4)) < 0.015


def test_there_is_no_dropout_at_inference():
    np.testing.assert_array_equal(
        weights_of(gate(dropout=0.9), ROWS), weights_of(gate(), ROWS)
    )


def penalty(**options):
    layer = gate(**options)
    layer(ROWS)
    return float(layer.losses[0])


def test_load_balance_is_the_squared_coefficient_of_variation_of_the_importance():
    importance = softmax(ROWS @ KERNEL + BIAS).sum(axis=0)
    expected = 0.3 * importance.var() / importance.mean() ** 2
    np.testing.assert_allclose(penalty(load_balance=0.3), expected, rtol=1e-4)


def test_load_balance_in_the_switch_form_is_its_closed_form():
    weights = softmax(ROWS @ KERNEL + BIAS)
    shares = np.bincount(weights.argmax(axis=1), minlength=4) / len(ROWS)
    expected = 0.3 * 4 * np.sum(shares * weights.mean(axis=0))
    found = penalty(load_balance=0.3, balance="switch")
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_entropy_is_the_mean_over_the_rows():
    weights = softmax(ROWS @ KERNEL + BIAS)
    expected = -0.2 * np.mean(np.sum(weights * np.log(weights), axis=1))
    np.testing.assert_allclose(penalty(entropy=0.2), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "options", [{"load_balance": 1.0}, {"entropy": 1.0}], ids=["cv2", "entropy"]
)
def test_the_gradient_of_a_gate_with_its_penalty_is_right(options):
    layer = gate(**options)

    def objective(x):
        weights = layer(x)
        return ops.sum(weights * ops.convert_to_tensor(KERNEL[:1])) + layer.losses[-1]

    def alone(x):
        fresh = gate(**options)
        weights = fresh(x)
        return ops.sum(weights * ops.convert_to_tensor(KERNEL[:1])) + fresh.losses[-1]

    np.testing.assert_allclose(
        gradient(objective, ROWS), finite_differences(alone, ROWS), atol=2e-3
    )


def test_the_entropy_of_a_gate_with_exact_zeros_has_a_finite_gradient():
    def entropy(x):
        layer = gate(entropy=1.0)
        layer(x)
        return layer.losses[-1]

    assert np.all(np.isfinite(gradient(entropy, 1e4 * ROWS)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_experts": 0}, "num_experts must be an integer, at least 1; found 0"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\); found 1.0"),
        ({"load_balance": -1.0}, "load_balance must be a number from 0"),
        ({"balance": "cv"}, "balance must be one of cv2, switch; found 'cv'"),
        ({"entropy": float("inf")}, "entropy must be finite"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        SoftmaxGate(**{"num_experts": 4, **options})
