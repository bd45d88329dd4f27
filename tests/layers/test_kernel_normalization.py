import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask import MultiTaskModel, UserError, regularizers
from polytask.layers import (
    DropConnect,
    FilterResponseNormalization,
    WeightNormalization,
    WeightStandardization,
)

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(8, 5)).astype("float32")
PICTURES = rng.normal(size=(4, 6, 6, 2)).astype("float32")


def as_numpy(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize(
    ("inner", "x"), [(layers.Dense(3), ROWS), (layers.Conv2D(4, 3), PICTURES)]
)
def test_weight_normalization_starts_as_the_layer_and_learns_length_and_direction(
    inner, x
):
    layer = WeightNormalization(inner)
    layer.build(x.shape)
    np.testing.assert_allclose(
        as_numpy(layer(x)), as_numpy(inner(x)), rtol=1e-4, atol=1e-5
    )
    expected = as_numpy(inner(x))
    layer.gain.assign(2 * layer.gain)
    # Not the length of v, but g counts.
    inner.kernel.assign(7 * inner.kernel)
    np.testing.assert_allclose(as_numpy(layer(x)), 2 * expected, rtol=1e-4, atol=1e-5)


def test_weight_standardization_standardizes_each_unit():
    inner = layers.Conv2D(4, 3)
    layer = WeightStandardization(inner)
    layer.build(PICTURES.shape)
    kernel = as_numpy(inner.kernel).astype("float64")
    axes = (0, 1, 2)
    standardized = (kernel - kernel.mean(axes)) / np.sqrt(kernel.var(axes) + 1e-5)
    found = as_numpy(layer(PICTURES))
    inner.kernel.assign(standardized)
    np.testing.assert_allclose(found, as_numpy(inner(PICTURES)), rtol=1e-4, atol=1e-4)


def test_an_l1_penalty_on_the_gain_removes_units_and_the_direction_does_not_decay():
    x = keras.Input((5,))
    hidden = WeightNormalization(
        layers.Dense(6, use_bias=False), regularizers.L1(5.0), name="hidden"
    )
    h = hidden(x)
    model = MultiTaskModel(x, {t: layers.Dense(1)(h) for t in "ab"})
    model.compile(keras.optimizers.SGD(0.05), loss="mse", weight_decay=0.1)
    decayed = {id(d.variable) for d in model.step_plan.optimizer.rules.decayed}
    assert id(hidden.layer.kernel) not in decayed
    assert len(decayed) == 2
    labels = {"a": ROWS[:, 0], "b": ROWS[:, 1]}
    model.fit(ROWS, labels, epochs=12, batch_size=8, verbose=0)
    assert np.all(as_numpy(hidden.gain) == 0)
    assert not as_numpy(hidden(ROWS)).any()


def test_the_layer_inside_may_be_random_in_training():
    layer = WeightNormalization(DropConnect(3, 0.5, seed=1))
    first, second = (as_numpy(layer(ROWS, training=True)) for _ in range(2))
    assert not np.array_equal(first, second)


def test_masked_steps_count_in_no_mean():
    steps = rng.normal(size=(3, 5, 2)).astype("float32")
    mask = np.arange(5) < np.array([[3], [5], [1]])
    layer = FilterResponseNormalization()
    layer.build(steps.shape)
    found = as_numpy(layer(steps, mask=mask))
    alone = as_numpy(layer(steps[:1, :3]))
    np.testing.assert_allclose(found[:1, :3], alone, rtol=1e-5)


@pytest.mark.parametrize("learned", [False, True])
def test_filter_response_normalization_is_the_published_formula(learned):
    layer = FilterResponseNormalization(1e-3, learn_epsilon=learned)
    layer.build(PICTURES.shape)
    gamma, beta, tau = rng.normal(size=(3, 2)).astype("float32")
    extra = [np.array([-0.5, 0.2], "float32")] if learned else []
    layer.set_weights([gamma, beta, tau, *extra])
    squares = (PICTURES**2).mean((1, 2), keepdims=True)
    epsilon = 1e-3 + (np.abs(extra[0]) if learned else 0)
    expected = np.maximum(gamma * PICTURES / np.sqrt(squares + epsilon) + beta, tau)
    np.testing.assert_allclose(
        as_numpy(layer(PICTURES)), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: WeightNormalization(layers.Dense(2, kernel_regularizer="l2")),
            "has a kernel_regularizer",
        ),
        (
            lambda: WeightNormalization(layers.Flatten()).build((None, 3)),
            "Flatten has no kernel",
        ),
        (lambda: FilterResponseNormalization(0.0), "epsilon must be"),
        (
            lambda: FilterResponseNormalization().build((None, 3)),
            "at least three axes; found",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
