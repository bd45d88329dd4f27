import keras
import numpy as np
import pytest
from keras import ops

from polytask import UserError
from polytask.layers import GradientReversal
from polytask.testing import LayerContract
from tests.helpers.gradients import gradient

ROWS = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


class TestContract(LayerContract):
    def make(self):
        return GradientReversal(0.5, warmup_steps=10)

    def arguments(self):
        return [ROWS]


def test_values_pass_unchanged_to_the_last_bit():
    np.testing.assert_array_equal(
        ops.convert_to_numpy(GradientReversal(0.3)(ROWS)), ROWS
    )


@pytest.mark.parametrize("strength", [0.0, 0.25, 2.0])
def test_the_gradient_is_reversed_and_scaled(strength):
    layer = GradientReversal(strength)
    found = gradient(lambda x: ops.sum(ops.square(layer(x))), ROWS)
    np.testing.assert_allclose(found, -strength * 2 * ROWS, rtol=1e-6)


def test_the_strength_grows_with_the_training_steps_as_in_the_paper():
    x = keras.Input((3,))
    layer = GradientReversal(2.0, warmup_steps=4)
    dense = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)
    model = keras.Model(x, ops.sum(layer(dense(x)), axis=-1))
    model.compile(keras.optimizers.SGD(1.0), loss="mean_absolute_error")
    kernels = [model.get_weights()[0]]
    for _ in range(6):
        # Targets far below: the slope of the loss in the kernel is the mean row.
        model.train_on_batch(ROWS, np.full(5, -1e3, "float32"))
        kernels.append(ops.convert_to_numpy(dense.kernel).copy())
    steps = np.minimum(np.arange(6), 4) / 4
    factors = 2.0 * (2 / (1 + np.exp(-10 * steps)) - 1)
    moves = np.diff(np.array(kernels)[:, :, 0], axis=0)
    np.testing.assert_allclose(
        moves, factors[:, None] * ROWS.mean(axis=0), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("strength", [-1.0, float("nan")])
def test_a_strength_that_is_no_number_from_zero_is_refused(strength):
    with pytest.raises(UserError, match=r"strength must be a number from 0"):
        GradientReversal(strength)


@pytest.mark.parametrize("steps", [-1, 2.5])
def test_a_warmup_that_is_no_whole_number_is_refused(steps):
    with pytest.raises(UserError, match=r"warmup_steps must be an integer from 0"):
        GradientReversal(1.0, warmup_steps=steps)
