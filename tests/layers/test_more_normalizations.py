"""Switchable normalization and EvoNorm, against their formulas in NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from polytask import UserError
from polytask.layers import EvoNormalization, SwitchableNormalization

rng = np.random.default_rng(0)
PICTURES = rng.normal(2.0, 3.0, size=(6, 5, 4, 4)).astype("float32")
TABLE = rng.normal(2.0, 3.0, size=(6, 4)).astype("float32")


def array(x):
    return ops.convert_to_numpy(x)


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


def choosing(shape, means, variances):
    layer = SwitchableNormalization(epsilon=1e-3, momentum=0.5)
    layer.build((None, *shape))
    layer.mean_choice.assign(means)
    layer.variance_choice.assign(variances)
    return layer


def test_the_moments_are_mixed_by_two_softmaxes():
    means, variances = np.array([0.3, -1.0, 2.0]), np.array([1.0, 0.0, -0.5])
    layer = choosing(PICTURES.shape[1:], means, variances)
    x = PICTURES.astype("float64")
    axes = [(1, 2, 3), (1, 2), (0, 1, 2)]
    w, v = softmax(means), softmax(variances)
    mean = sum(w[k] * x.mean(a, keepdims=True) for k, a in enumerate(axes))
    variance = sum(v[k] * x.var(a, keepdims=True) for k, a in enumerate(axes))
    expected = (x - mean) / np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(
        array(layer(PICTURES, training=True)), expected, rtol=1e-4, atol=1e-4
    )
    moving = 0.5 * x.mean((0, 1, 2))
    np.testing.assert_allclose(array(layer.moving_mean), moving, rtol=1e-4)
    mean += w[2] * (moving - x.mean((0, 1, 2)))
    old = x.var((0, 1, 2))
    variance += v[2] * (array(layer.moving_variance) - old)
    expected = (x - mean) / np.sqrt(variance + 1e-3)
    found = array(layer(PICTURES, training=False))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_a_table_has_moments_of_rows_and_of_the_batch():
    layer = choosing((4,), np.array([-50.0, 50.0]), np.array([-50.0, 50.0]))
    plain = keras.layers.BatchNormalization(epsilon=1e-3)
    expected = array(plain(TABLE, training=True))
    np.testing.assert_allclose(array(layer(TABLE, training=True)), expected, atol=1e-4)
    layer = choosing((4,), np.array([50.0, -50.0]), np.array([50.0, -50.0]))
    expected = array(keras.layers.LayerNormalization(epsilon=1e-3)(TABLE))
    np.testing.assert_allclose(array(layer(TABLE, training=True)), expected, atol=1e-4)


@pytest.mark.parametrize("x", [PICTURES, TABLE])
def test_evonorm_is_its_formula(x):
    layer = EvoNormalization(groups=2, epsilon=1e-3)
    layer.build(x.shape)
    gamma, beta, nu = (rng.normal(size=4).astype("float32") for _ in range(3))
    for variable, value in ((layer.gamma, gamma), (layer.beta, beta), (layer.nu, nu)):
        variable.assign(value)
    parts = []
    for part in np.split(x.astype("float64"), 2, axis=-1):
        axes = tuple(range(1, x.ndim))
        parts.append(part.var(axes, keepdims=True) * np.ones_like(part))
    variance = np.concatenate(parts, axis=-1)
    expected = gamma * x / (1 + np.exp(-nu * x)) / np.sqrt(variance + 1e-3) + beta
    np.testing.assert_allclose(array(layer(x)), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "layer", [SwitchableNormalization(), EvoNormalization(groups=2)]
)
def test_padded_steps_count_in_no_moment(layer):
    steps = rng.normal(size=(3, 5, 4)).astype("float32")
    mask = np.arange(5) < np.array([[3], [3], [3]])
    other = np.where(mask[..., None], steps, 100.0).astype("float32")
    layer.build(steps.shape)
    found = [array(layer(x, mask=mask)) for x in (steps, other)]
    np.testing.assert_allclose(found[0][mask], found[1][mask], rtol=1e-5)
    expected = array(layer(steps[:, :3]))
    np.testing.assert_allclose(found[0][:, :3], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SwitchableNormalization(axis=1), "neither axis"),
        (lambda: SwitchableNormalization(renorm=True), "renorm=True"),
        (lambda: EvoNormalization(groups=0), "groups"),
        (lambda: EvoNormalization(epsilon=0), "epsilon"),
        (lambda: EvoNormalization(groups=3)(TABLE), "groups must divide"),
        (lambda: EvoNormalization(groups=4)(TABLE), "no variance"),
    ],
)
def test_what_does_not_go_together_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
