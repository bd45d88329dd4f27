"""A proximal step that gives NaN is left out, and counted as a skipped step."""

import keras
import numpy as np
import pytest
from keras import ops

from polytask import MultiTaskModel
from polytask.errors import UserError
from polytask.regularizers import L1, Orthonormal, Regularizer


class Brittle(Regularizer):
    """A prox that is NaN for weights beyond a limit."""

    has_prox = True
    may_fail = True

    def __init__(self, limit):
        self.limit = limit

    def _value(self, xp, w):
        return xp.sum(xp.abs(w))

    def _prox(self, xp, w, step, metric):
        return xp.where(xp.max(xp.abs(w)) > self.limit, float("nan"), w)


def brittle_model(limit=5.0, **options):
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    h = keras.layers.Dense(6, use_bias=False, kernel_regularizer=Brittle(limit))(x)
    h = keras.layers.BatchNormalization()(h)
    ends = {
        "a": keras.layers.Dense(1, kernel_regularizer=L1(1e-3), name="a")(h),
        "b": keras.layers.Dense(1, name="b")(h),
    }
    model = MultiTaskModel(x, ends)
    optimizer = keras.optimizers.Adam(0.01, **options)
    model.compile(optimizer, loss="mse", balancer="equal")
    return model


def batch():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(16, 4)).astype("float32")
    return x, {"a": x[:, :1], "b": x[:, 1:2]}


def fit(model, **arguments):
    return model.fit(*batch(), batch_size=16, verbose=0, **arguments).history


def kernels(model):
    return [ops.convert_to_numpy(v) for v in model.trainable_variables]


@pytest.mark.parametrize("use_ema", [False, True])
def test_weights_whose_prox_fails_keep_the_update_of_the_optimizer(use_ema):
    model = brittle_model(use_ema=use_ema)
    without = brittle_model(limit=np.inf, use_ema=use_ema)
    for one in (model, without):
        one.layers[1].kernel.assign(one.layers[1].kernel + 10.0)
    assert "skipped_steps" not in fit(without)
    assert fit(model)["skipped_steps"] == [1.0]
    for a, b in zip(kernels(without), kernels(model), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_training_goes_on_after_a_failed_prox():
    model = brittle_model()
    fit(model)
    kernel = model.layers[1].kernel
    good = ops.convert_to_numpy(kernel)
    kernel.assign(good + 10.0)
    fit(model)
    kernel.assign(good)
    assert "skipped_steps" not in fit(model)
    assert not np.array_equal(ops.convert_to_numpy(kernel), good)


@pytest.mark.two_backends
def test_many_failed_proximal_steps_in_a_row_stop_the_training():
    model = brittle_model()
    fit(model)
    model.layers[1].kernel.assign(ops.ones((4, 6)) * 10.0)
    with pytest.raises(UserError, match=r"last 20 steps .* prox.* gave weights"):
        fit(model, epochs=40)


def test_a_prox_that_fails_counts_once_for_each_update_from_accumulated_gradients():
    model = brittle_model(gradient_accumulation_steps=4)
    model.layers[1].kernel.assign(ops.ones((4, 6)) * 10.0)
    x, y = batch()
    history = model.fit(x, y, batch_size=1, shuffle=False, verbose=0).history
    assert history["skipped_steps"] == [4.0]
    # In all, in a row.
    skipped = ops.convert_to_numpy(model.step_plan.optimizer.skipped)
    assert skipped[:2].tolist() == [4.0, 4.0]


def test_a_micro_step_that_is_taken_ends_a_row_of_losses_that_are_not_finite():
    model = brittle_model(gradient_accumulation_steps=32)
    x, y = batch()
    y["a"][::2] = np.inf
    model.fit(x, y, batch_size=1, epochs=3, shuffle=False, verbose=0)
    skipped = ops.convert_to_numpy(model.step_plan.optimizer.skipped)
    assert skipped[:2].tolist() == [24.0, 0.0]


def root_at_zero(y, predicted):
    # Its value is 0, and its slope 0 · ∞.
    return ops.sqrt(ops.square(predicted - predicted))


def model_with_nan_gradients():
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    h = keras.layers.Dense(3, kernel_regularizer=Orthonormal())(x)
    h = keras.layers.BatchNormalization()(h)
    model = MultiTaskModel(x, {"a": keras.layers.Dense(1, name="a")(h)})
    model.compile("adam", loss=root_at_zero)
    return model


def test_a_nan_gradient_does_not_reach_a_kernel_through_its_decomposition():
    model = model_with_nan_gradients()
    before = model.get_weights()
    x, y = batch()
    history = model.fit(x, {"a": y["a"]}, batch_size=16, verbose=0).history
    assert history["skipped_steps"] == [1.0]
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_many_nan_gradients_in_a_row_stop_the_training():
    x, y = batch()
    with pytest.raises(UserError, match=r"last 20 steps .* gradient was not finite"):
        model_with_nan_gradients().fit(x, {"a": y["a"]}, epochs=40, verbose=0)
