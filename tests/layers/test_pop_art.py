import keras
import numpy as np
import pytest
from keras import ops

from polytask import UserError
from polytask.layers import PopArt
from polytask.testing import LayerContract

rng = np.random.default_rng(0)
X = rng.normal(size=(6, 3)).astype("float32")
# Targets that grow by four orders of magnitude, far from zero.
TARGETS = [
    scale * rng.normal([3.0, -9.0], size=(50, 2)) for scale in (0.01, 1, 10, 100)
]


class TestPopArt(LayerContract):
    def make(self):
        return PopArt(2)

    def arguments(self):
        return [X]


def values(layer):
    return ops.convert_to_numpy(layer.denormalize(layer(X)))


def test_predictions_stay_while_the_moments_follow_the_recursion_of_the_paper():
    layer = PopArt(2, step_size=0.3)
    layer.build(X.shape)
    before = values(layer)
    mean, square = np.zeros(2), np.ones(2)
    for y in TARGETS:
        layer.update(y)
        mean += 0.3 * (y.mean(axis=0) - mean)
        square += 0.3 * ((y**2).mean(axis=0) - square)
        sigma = np.sqrt(square - mean**2)
        np.testing.assert_allclose(layer.mean, mean, rtol=1e-5)
        np.testing.assert_allclose(layer.scale, sigma, rtol=1e-5)
        # To rounding, in units of what is now large.
        np.testing.assert_allclose(values(layer), before, atol=1e-6 * sigma.max())
    expected = (TARGETS[-1] - mean) / sigma
    np.testing.assert_allclose(layer.normalize(TARGETS[-1]), expected, atol=1e-4)


def test_missing_targets_count_for_nothing():
    layer, expected = PopArt(2, step_size=0.5), PopArt(2, step_size=0.5)
    for one in (layer, expected):
        one.build(X.shape)
    expected.set_weights(layer.get_weights())
    kernel, bias, mean, variance = layer.get_weights()
    y = TARGETS[1].copy()
    y[::2, 0] = np.nan
    y[:, 1] = np.nan
    layer.update(y)
    expected.update(np.repeat(y[1::2, :1], 2, axis=1))
    for found, there, before in zip(
        layer.get_weights(),
        expected.get_weights(),
        (kernel, bias, mean, variance),
        strict=True,
    ):
        np.testing.assert_allclose(found[..., 0], there[..., 0], rtol=1e-6)
        np.testing.assert_array_equal(found[..., 1], before[..., 1])
    assert np.isnan(ops.convert_to_numpy(layer.normalize(y))[0]).all()


def test_the_scale_stays_within_its_bounds():
    layer = PopArt(1, step_size=1.0, scale_bounds=(0.5, 2.0))
    layer.build(X.shape)
    for spread, scale in ((0.0, 0.5), (1.0, 1.0), (9.0, 2.0)):
        before = values(layer)
        layer.update([[-spread], [spread]])
        assert float(layer.scale[0]) == scale
        np.testing.assert_allclose(values(layer), before, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PopArt(step_size=0.0), "step_size must be .* above 0"),
        (lambda: PopArt(step_size=2.0), "at most 1"),
        (lambda: PopArt(scale_bounds=(1.0, 0.5)), r"scale_bounds\[1\]"),
        (lambda: PopArt(scale_bounds=3.0), "smallest and the largest"),
        (lambda: PopArt(activation="tanh"), "linear with a bias"),
        (lambda: PopArt(use_bias=False), "linear with a bias"),
        (lambda: PopArt().update([[1.0]]), "build it, first"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_a_file_holds_the_moments(tmp_path):
    layer = PopArt(2, step_size=1.0)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layer(inputs))
    layer.update(TARGETS[2])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras").layers[-1]
    np.testing.assert_array_equal(values(loaded), values(layer))


def test_targets_of_other_units_are_named():
    layer = PopArt(2, name="value")
    layer.build(X.shape)
    with pytest.raises(UserError, match=r'"value" has 2 units; .* shape \(5,\)'):
        layer.update(np.ones(5))


def test_in_half_precision_the_moments_are_exact():
    layer = PopArt(1, step_size=1.0, dtype=keras.DTypePolicy("mixed_float16"))
    layer(X)
    layer.update([[99_999.0], [100_001.0]])
    assert float(layer.mean[0]) == 100_000.0
    assert float(layer.scale[0]) == 1.0
