import keras
import numpy as np
import pytest
from keras import ops

from polytask import UserError
from polytask.layers import GhostBatchNormalization

rng = np.random.default_rng(0)


def as_numpy(x):
    return ops.convert_to_numpy(x)


def numpy_forward(x, sizes, momentum, epsilon=1e-3):
    """Return the result and the moving statistics, part after part."""
    mean, variance = np.zeros(x.shape[-1]), np.ones(x.shape[-1])
    parts, start = [], 0
    for size in sizes:
        part = x[start : start + size]
        axes = tuple(range(part.ndim - 1))
        center, spread = part.mean(axis=axes), part.var(axis=axes)
        n = part[..., 0].size
        parts.append((part - center) / np.sqrt(spread + epsilon))
        mean = momentum * mean + (1 - momentum) * center
        variance = momentum * variance + (1 - momentum) * spread * n / (n - 1)
        start += size
    return np.concatenate(parts), mean, variance


@pytest.mark.parametrize(
    ("shape", "virtual", "sizes"),
    [
        ((12, 3), 4, [4, 4, 4]),
        ((11, 3), 4, [6, 5]),
        ((3, 3), 4, [3]),
        ((7, 4, 2, 3), 3, [4, 3]),
    ],
    ids=["divisible", "with a remainder", "smaller", "pictures"],
)
def test_each_virtual_batch_is_normalized_by_its_own_moments(shape, virtual, sizes):
    x = (3 * rng.normal(size=shape) + 5).astype("float32")
    layer = GhostBatchNormalization(virtual, momentum=0.8)
    found = as_numpy(layer(x, training=True))
    expected, mean, variance = numpy_forward(x, sizes, 0.8)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(as_numpy(layer.moving_mean), mean, rtol=1e-5)
    np.testing.assert_allclose(as_numpy(layer.moving_variance), variance, rtol=1e-5)


def test_one_virtual_batch_of_all_rows_is_batch_normalization():
    x = rng.normal(size=(8, 2, 5)).astype("float32")
    options = {"axis": 1, "gamma_initializer": "random_normal", "name": "norm"}
    keras.utils.set_random_seed(1)
    ghost = GhostBatchNormalization(8, **options)
    keras.utils.set_random_seed(1)
    plain = keras.layers.BatchNormalization(**options)
    for training in (True, False):
        if not training:
            ghost.set_weights(plain.get_weights())
        np.testing.assert_allclose(
            as_numpy(ghost(x, training=training)),
            as_numpy(plain(x, training=training)),
            rtol=1e-4,
            atol=1e-5,
        )


def test_masked_steps_count_in_no_moment():
    x = rng.normal(size=(8, 5, 2)).astype("float32") + 3
    x[:, 3:] = 0
    mask = np.ones((8, 5), bool)
    mask[:, 3:] = False
    layer = GhostBatchNormalization(4, momentum=0.0)
    y = as_numpy(layer(x, training=True, mask=mask))
    np.testing.assert_allclose(y[:4, :3].mean(axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(
        as_numpy(layer.moving_mean), x[4:, :3].mean(axis=(0, 1)), rtol=1e-5
    )


def test_a_single_row_is_normalized_by_the_moving_statistics_and_leaves_them():
    layer = GhostBatchNormalization(4)
    y = as_numpy(layer(np.full((1, 2), 3.0, "float32"), training=True))
    np.testing.assert_allclose(y, 3 / np.sqrt(1.001), rtol=1e-5)
    np.testing.assert_array_equal(as_numpy(layer.moving_mean), [0, 0])
    np.testing.assert_array_equal(as_numpy(layer.moving_variance), [1, 1])


def test_frozen_it_uses_and_keeps_the_moving_statistics():
    layer = GhostBatchNormalization(2)
    layer.trainable = False
    x = rng.normal(size=(6, 3)).astype("float32")
    y = as_numpy(layer(x, training=True))
    np.testing.assert_allclose(y, x / np.sqrt(1.001), rtol=1e-5)
    assert not as_numpy(layer.moving_mean).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"virtual_batch_size": 1}, "virtual_batch_size must be an integer, at least"),
        ({"renorm": True}, "neither renorm=True nor synchronized=True"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        GhostBatchNormalization(**options)
