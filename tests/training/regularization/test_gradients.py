"""Noise on gradients, and clipping by the size of the weights."""

import keras
import numpy as np
import pytest
from keras import ops

from polytask import UserError
from polytask.training import AdaptiveClipping, GradientNoise
from tests.helpers.one_step import build, some_batch, step


def noise_of(times, variance=0.5, decay=0.55):
    """Return what noise adds to zero gradients of a large kernel."""
    keras.utils.set_random_seed(0)
    x = keras.Input((200,))
    h = keras.layers.Dense(50, name="trunk")(x)
    from polytask import MultiTaskModel

    model = MultiTaskModel(x, {t: keras.layers.Dense(1)(h) for t in "ab"})
    noise = GradientNoise(variance, decay)
    model.compile(keras.optimizers.SGD(1.0), loss="mse", regularizers=noise)
    rows = np.zeros((4, 200), "float32")
    kernel, spreads = model.get_layer("trunk").kernel, []
    for _ in range(times):
        before = ops.convert_to_numpy(kernel).copy()
        model.train_on_batch(rows, dict.fromkeys("ab", rows[:, 0]))
        spreads.append(np.std(before - ops.convert_to_numpy(kernel)))
    return spreads


def test_the_noise_has_the_variance_of_the_paper_and_fades():
    found = noise_of(3)
    expected = [np.sqrt(0.5 / (1 + t) ** 0.55) for t in range(3)]
    np.testing.assert_allclose(found, expected, rtol=0.05)


def test_a_head_without_a_label_gets_no_noise():
    batch = some_batch()
    batch[1]["b"][:] = np.nan
    _, moved = step(batch, regularizers=GradientNoise(1.0))
    np.testing.assert_array_equal(moved["b/kernel"], 0.0)
    assert np.any(moved["a/kernel"])


def test_each_units_gradient_is_at_most_a_share_of_its_weights():
    batch, share = some_batch(), 0.05
    _, plain = step(batch)
    _, moved = step(batch, regularizers=AdaptiveClipping(share))
    start = {v.path: v.numpy() for v in build().trainable_variables}
    for path, gradient in plain.items():
        axis = 0 if gradient.ndim > 1 else None
        limit = share * np.maximum(
            np.linalg.norm(start[path], axis=axis, keepdims=True), 1e-3
        )
        norm = np.linalg.norm(gradient, axis=axis, keepdims=True)
        expected = gradient * np.minimum(1.0, limit / norm)
        np.testing.assert_allclose(moved[path], expected, rtol=1e-3, atol=2e-6)
    assert np.any(norm > limit)


def test_filters_and_stacks_are_units():
    rng = np.random.default_rng(0)
    w, g = (rng.normal(size=(3, 3, 2, 4)).astype("float32") for _ in range(2))
    factor = ops.convert_to_numpy(AdaptiveClipping(0.1).factor(w, g))
    expected = 0.1 * np.linalg.norm(w.reshape(-1, 4), axis=0)
    expected = np.minimum(1, expected / np.linalg.norm(g.reshape(-1, 4), axis=0))
    np.testing.assert_allclose(factor.reshape(-1), expected, rtol=1e-5)


@pytest.mark.parametrize("regularizer", [GradientNoise(), AdaptiveClipping()])
def test_the_gradient_of_a_batch_is_not_the_one_that_is_accumulated(regularizer):
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    with pytest.raises(UserError, match="acts on the gradient of each batch"):
        build().compile(optimizer, loss="mse", regularizers=regularizer)


def test_numbers_out_of_range_are_refused():
    for wrong in (lambda: GradientNoise(0.0), lambda: AdaptiveClipping(-1)):
        with pytest.raises(UserError, match="above 0"):
            wrong()
    with pytest.raises(UserError, match="decay"):
        GradientNoise(decay=-1)
