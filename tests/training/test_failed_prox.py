"""A proximal step that gives NaN is undone, and counted as a skipped step."""

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

    def _value(self, w):
        return ops.sum(ops.abs(w))

    def _prox(self, w, step, metric):
        return ops.where(ops.max(ops.abs(w)) > 5.0, float("nan"), w)


def brittle_model():
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    h = keras.layers.Dense(6, kernel_regularizer=Brittle())(x)
    h = keras.layers.BatchNormalization()(h)
    ends = {
        "a": keras.layers.Dense(1, kernel_regularizer=L1(1e-3), name="a")(h),
        "b": keras.layers.Dense(1, name="b")(h),
    }
    model = MultiTaskModel(x, ends)
    model.compile(keras.optimizers.Adam(0.01), loss="mse", balancer="equal")
    return model


def batch():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(16, 4)).astype("float32")
    return x, {"a": x[:, :1], "b": x[:, 1:2]}


def state(model):
    counter = model.step_plan.optimizer.skipped
    values = [*model.variables, *model.optimizer.variables]
    trackers = {id(v) for m in model.metrics for v in m.variables}
    sums = {id(v) for v in (counter, model.step_plan.optimizer.weight_sums)}
    return [
        ops.convert_to_numpy(v)
        for v in values
        if id(v) not in trackers and id(v) not in sums
    ]


def fit(model, **arguments):
    return model.fit(*batch(), batch_size=16, verbose=0, **arguments).history


def test_a_failed_prox_leaves_no_trace_but_its_count():
    model = brittle_model()
    assert "skipped_steps" not in fit(model)
    kernel = model.layers[1].kernel
    good = ops.convert_to_numpy(kernel)
    kernel.assign(good + 10.0)
    before = state(model)
    assert fit(model)["skipped_steps"] == [1.0]
    for a, b in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(a, b)
    kernel.assign(good)
    assert "skipped_steps" not in fit(model)
    assert not np.array_equal(ops.convert_to_numpy(kernel), good)


def test_many_failed_proximal_steps_in_a_row_stop_the_training():
    model = brittle_model()
    fit(model)
    model.layers[1].kernel.assign(ops.ones((4, 6)) * 10.0)
    with pytest.raises(UserError, match="proximal step gave weights that were not"):
        fit(model, epochs=40)


def test_a_nan_gradient_does_not_reach_a_kernel_through_its_decomposition():
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    h = keras.layers.Dense(3, kernel_regularizer=Orthonormal())(x)
    model = MultiTaskModel(x, {"a": keras.layers.Dense(1, name="a")(h)})

    def root_at_zero(y, predicted):
        # Its value is 0, and its slope 0 · ∞.
        return ops.sqrt(ops.square(predicted - predicted))

    model.compile("adam", loss=root_at_zero)
    before = model.get_weights()
    x, y = batch()
    history = model.fit(x, {"a": y["a"]}, batch_size=16, verbose=0).history
    assert history["skipped_steps"] == [1.0]
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
