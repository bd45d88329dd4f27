"""Penalties of derivatives by the input, against finite differences."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask import MultiTaskModel, UserError
from polytask.training import InputGradientPenalty, JacobianPenalty
from tests.helpers.one_step import build, some_batch, step

A, COLUMNS = 0.7, [0, 2, 5]


def forward(weights, x):
    """Return h and the output of one task, in NumPy."""
    kernel, bias, head, offset = weights
    h = np.tanh(x @ kernel + bias)
    return h, h @ head + offset


def jacobian(weights, x):
    """Return ∂ŷ/∂x, (rows, columns that count)."""
    h, _ = forward(weights, x)
    return ((1 - h**2) * weights[2][:, 0] @ weights[0].T)[:, COLUMNS]


def input_gradient_value(weights, x, y):
    there = ~np.isnan(y)
    _, output = forward(weights, x[there])
    slope = 2 * (output - y[there, None]) * jacobian(weights, x[there])
    return A / 2 * np.sum(slope**2) / max(there.sum(), 1)


def jacobian_value(weights, x, y):
    there = ~np.isnan(y)
    return there.any() * A / 2 * np.mean(np.sum(jacobian(weights, x) ** 2, axis=1))


def numerical(value, weights, x, y, delta=1e-6):
    """Return central differences of a value by each weight."""
    slopes = []
    for array in weights:
        slope = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            kept = array[index]
            array[index] = kept + delta
            above = value(weights, x, y)
            array[index] = kept - delta
            slope[index] = (above - value(weights, x, y)) / (2 * delta)
            array[index] = kept
        slopes.append(slope)
    return slopes


@pytest.mark.parametrize(
    ("penalty", "value"),
    [
        (InputGradientPenalty({"a": A, "b": A}, COLUMNS), input_gradient_value),
        (JacobianPenalty({"a": A, "b": A}, COLUMNS), jacobian_value),
    ],
)
def test_the_gradient_is_that_of_finite_differences(penalty, value):
    x, y = some_batch()
    y["a"][3:9] = np.nan
    y["b"][:] = np.nan
    _, plain = step((x, y), balancer="dwa")
    model, moved = step((x, y), balancer="dwa", regularizers=penalty)
    start = build()
    trunk = start.get_layer("trunk").get_weights()
    weights = [w.astype("float64") for w in trunk + start.get_layer("a").get_weights()]
    expected = numerical(value, weights, x.astype("float64"), y["a"])
    paths = ("trunk/kernel", "trunk/bias", "a/kernel", "a/bias")
    for path, slope in zip(paths, expected, strict=True):
        found = moved[path] - plain[path]
        np.testing.assert_allclose(found, slope, rtol=1e-3, atol=3e-5)
    # A task without a label, and one of strength 0, have no part in it.
    for path in ("b/kernel", "c/kernel"):
        np.testing.assert_allclose(moved[path], plain[path], rtol=1e-5)
    assert model.step_plan.regularizers == (penalty,)


def classes(**options):
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    h = layers.BatchNormalization()(layers.Dense(5, "tanh")(x))
    h = layers.Dropout(0.5)(h)
    outputs = {
        "kind": layers.Dense(3, "softmax", dtype="float32")(h),
        "size": layers.Dense(1, dtype="float32")(h),
    }
    model = MultiTaskModel(x, outputs)
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    # A scale of losses at which no half-precision number overflows in the first step.
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), 256)
    model.compile(optimizer, loss=losses, **options)
    return model


def test_random_projections_estimate_the_norm_of_the_jacobian():
    penalty = JacobianPenalty()
    output = ops.zeros((4000, 3))
    unit, size = penalty._unit_vectors(output)
    unit = ops.convert_to_numpy(unit)
    np.testing.assert_allclose(np.sum(unit**2, axis=1), 1.0, rtol=1e-5)
    matrix = np.arange(6.0).reshape(3, 2)
    estimate = float(size) * np.sum((unit @ matrix) ** 2, axis=1)
    assert np.mean(estimate) == pytest.approx(np.sum(matrix**2), rel=0.05)


@pytest.mark.slow
@pytest.mark.two_backends
def test_they_train_in_half_precision_beside_dropout_mixup_and_moving_statistics():
    x, y = some_batch()
    y = {"kind": np.arange(16) % 4 - 1, "size": y["a"]}
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        both = [InputGradientPenalty(0.1), JacobianPenalty(0.1, projections=2)]
        model = classes(regularizers=both, mixup=0.3, balancer="pcgrad")
        before = [np.array(v) for v in map(ops.convert_to_numpy, model.weights)]
        logs = model.train_on_batch(x, y, return_dict=True)
    finally:
        keras.config.set_dtype_policy(policy)
    assert np.isfinite(logs["loss"])
    for old, variable in zip(before, model.weights, strict=True):
        new = ops.convert_to_numpy(variable)
        assert np.all(np.isfinite(new))
        assert not np.array_equal(old, new), variable.path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: InputGradientPenalty(-1), "strength must be a finite number, at lea"),
        (lambda: JacobianPenalty({"a": "x"}), r'strength\["a"\] must be a finite'),
        (lambda: JacobianPenalty(projections=0), "projections"),
        (lambda: InputGradientPenalty({"aa": 1}), '"aa", which is no task .* mean "a"'),
        (lambda: JacobianPenalty(columns=[6]), "indices below 6"),
    ],
)
def test_what_is_out_of_range_or_does_not_fit_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        build().compile("sgd", loss="mse", regularizers=make())


def test_a_saved_model_keeps_them(tmp_path):
    penalty = JacobianPenalty({"a": 0.3}, [1], 2)
    model, _ = step(some_batch(), regularizers=penalty)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.step_plan.regularizers[0].get_config() == penalty.get_config()
