"""Dropout whose strength is learned, against closed forms and simulation."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy import integrate

from polytask import MultiTaskModel, UserError
from polytask.layers import ConcreteDropout, VariationalDense

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(6, 5)).astype("float32")


def as_numpy(x):
    return ops.convert_to_numpy(x)


def test_concrete_dropout_adds_the_published_penalty():
    layer = ConcreteDropout(
        layers.Dense(3), 50, length_scale=0.2, loss_scale=2.0, start_rate=0.3
    )
    layer.build((None, 5))
    kernel = as_numpy(layer.layer.kernel).astype("float64")
    entropy = -0.3 * np.log(0.3) - 0.7 * np.log(0.7)
    weights = 0.02 * (kernel**2).sum() / 0.7
    expected = 2 / 50 * (weights - 5 * entropy)
    assert float(layer.penalty()) == pytest.approx(expected, rel=1e-4)
    layer(ROWS)
    assert float(sum(layer.losses)) == pytest.approx(expected, rel=1e-4)


def test_at_a_low_temperature_the_mask_drops_at_its_rate_and_keeps_the_mean():
    inner = layers.Dense(4, use_bias=False, kernel_initializer="identity")
    layer = ConcreteDropout(inner, 10, start_rate=0.3, temperature=0.01, seed=1)
    x = np.ones((5000, 4), "float32")
    y = as_numpy(layer(x, training=True))
    assert np.mean(y < 0.5) == pytest.approx(0.3, abs=0.02)
    assert y.mean() == pytest.approx(1.0, abs=0.02)
    np.testing.assert_allclose(as_numpy(layer(x)), x)


@pytest.mark.slow
@pytest.mark.two_backends
def test_few_rows_raise_the_rate_and_many_lower_it():
    rates = {}
    data = np.random.default_rng(1).normal(size=(64, 5)).astype("float32")
    for rows in (1, 100_000):
        keras.utils.set_random_seed(0)
        x = keras.Input((5,))
        layer = ConcreteDropout(layers.Dense(8, "tanh"), rows, loss_scale=2.0, seed=1)
        model = MultiTaskModel(x, {"y": layers.Dense(1)(layer(x))})
        model.compile(keras.optimizers.Adam(0.05), loss="mse")
        model.fit(data, data.sum(1), epochs=20, batch_size=32, verbose=0)
        rates[rows] = float(layer.rate())
    assert rates[100_000] < 0.1 < rates[1]


def test_the_divergence_is_close_to_its_integral():
    # -KL up to a constant is -½ log α + E log|1 + √α ε| (Molchanov, eq. 11).
    layer = VariationalDense(1, rows=1)
    layer.build((None, 1))
    layer.kernel.assign([[1.0]])

    def exact(log_alpha):
        root = np.exp(log_alpha / 2)

        def density(e):
            return np.log(abs(1 + root * e)) * np.exp(-e * e / 2) / np.sqrt(2 * np.pi)

        points = [-1 / root] if 1 / root < 10 else None
        mean, _ = integrate.quad(density, -10, 10, points=points, limit=200)
        return -0.5 * log_alpha + mean

    at = [-4.0, -1.0, 1.0, 4.0]
    found = []
    for log_alpha in at:
        layer.log_variance.assign([[log_alpha]])
        found.append(float(layer.penalty()))
    expected = np.array([exact(a) for a in at])
    np.testing.assert_allclose(np.diff(found), np.diff(expected), atol=0.03)


def test_outputs_have_the_mean_and_variance_of_noisy_weights():
    layer = VariationalDense(3, rows=10, seed=1)
    layer.build((None, 5))
    layer.log_variance.assign(rng.uniform(-4, -1, (5, 3)))
    kernel = as_numpy(layer.kernel).astype("float64")
    variance = np.exp(as_numpy(layer.log_alpha())) * kernel**2
    x = np.tile(ROWS[:1], (20000, 1))
    y = as_numpy(layer(x, training=True))
    spread = np.sqrt(ROWS[0] ** 2 @ variance)
    assert np.all(np.abs(y.mean(0) - ROWS[0] @ kernel) < 4 * spread / np.sqrt(20000))
    np.testing.assert_allclose(y.std(0), spread, rtol=0.03)


def test_weights_with_much_noise_are_zero_at_inference():
    layer = VariationalDense(2, rows=10, use_bias=False)
    layer.build((None, 2))
    layer.kernel.assign([[1.0, 1.0], [1.0, 1.0]])
    layer.log_variance.assign([[2.9, 3.1], [-5.0, 7.0]])
    found = as_numpy(layer(np.eye(2, dtype="float32")))
    np.testing.assert_array_equal(found, [[1, 0], [1, 0]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConcreteDropout(layers.Dense(2), 0), "rows must be an integer"),
        (
            lambda: ConcreteDropout(layers.Dense(2), 5, start_rate=1.0),
            "start_rate must be .* below 1",
        ),
        (
            lambda: ConcreteDropout(layers.Flatten(), 5).build((None, 3)),
            "Flatten has no kernel",
        ),
        (lambda: VariationalDense(2, rows=1.5), "rows must be an integer"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
