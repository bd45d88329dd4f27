import keras
import numpy as np
import pytest

from polytask import UserError
from polytask.layers import PeriodicEmbedding, PiecewiseLinearEmbedding
from polytask.testing import LayerContract

X = np.random.default_rng(0).normal(size=(200, 2)).astype("float32")


def adapted(x, units=3, bins=4):
    layer = PiecewiseLinearEmbedding(units, bins)
    layer.adapt(x)
    return layer


class TestPiecewiseLinearEmbedding(LayerContract):
    def make(self):
        return PiecewiseLinearEmbedding(3, bins=4, values=8)

    def arguments(self):
        return [X[:5]]


class TestPeriodicEmbedding(LayerContract):
    def make(self):
        return PeriodicEmbedding(3, frequencies=4, seed=0)

    def arguments(self):
        return [X[:5]]


def test_at_first_the_layer_is_linear():
    layer = adapted(X)
    result = keras.ops.convert_to_numpy(layer(X))
    slope, bias = (keras.ops.convert_to_numpy(w) for w in (layer.slope, layer.bias))
    np.testing.assert_allclose(result, X[..., None] * slope + bias, rtol=1e-5)


def test_bins_hold_equal_shares_of_the_rows_and_go_on_at_the_ends():
    layer = adapted(np.arange(9.0)[:, None], units=1)
    x = np.float32([[-1], [0], [3], [4], [7], [10]])
    places = keras.ops.convert_to_numpy(layer._places(x[..., None]))[:, 0]
    expected = [
        [-0.5, 0, 0, 0],
        [0, 0, 0, 0],
        [1, 0.5, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 1, 0.5],
        [1, 1, 1, 2],
    ]
    np.testing.assert_allclose(places, expected, atol=1e-6)


def test_values_beyond_the_training_rows_stay_near_their_range():
    layer = adapted(np.arange(9.0)[:, None])
    x = np.float32([[-1e6], [0], [3], [8], [8.01], [9], [1e6]])
    expected = [[-1], [0], [3], [8], [8 + 0.01 / 1.01], [8.5], [9]]
    np.testing.assert_allclose(
        layer._drawn_in(keras.ops.convert_to_tensor(x)), expected, atol=1e-5
    )


def test_before_adapt_no_value_is_beyond():
    layer = PiecewiseLinearEmbedding(3, bins=4)
    layer.build((None, 2))
    far = keras.ops.convert_to_tensor(1e6 * X)
    np.testing.assert_array_equal(layer._drawn_in(far), far)


def test_a_column_that_does_not_vary_has_a_place_for_other_values():
    result = keras.ops.convert_to_numpy(adapted(np.ones((20, 1)))(np.float32([[5]])))
    assert np.isfinite(result).all()


def test_equal_quantiles_are_merged_and_an_indicator_has_one_bin():
    x = np.stack([np.repeat([0, 0, 0, 1, 5], 40), np.repeat([0, 1], 100)], axis=1)
    used = keras.ops.convert_to_numpy(adapted(x, bins=8).used).sum(axis=1)
    assert used[1] == 1
    assert 1 < used[0] < 8


def bins_used(x, bins, values):
    layer = PiecewiseLinearEmbedding(2, bins, values)
    layer.adapt(x[:, None])
    return int(keras.ops.convert_to_numpy(layer.used).sum())


def test_values_that_repeat_have_an_edge_each_where_quantiles_would_merge_them():
    # Half of the rows have the same value, so that quantiles miss others.
    schools = np.concatenate([np.zeros(200), np.repeat(np.arange(1, 11), 20)])
    assert bins_used(schools, bins=4, values=0) < 4
    assert bins_used(schools, bins=4, values=11) == 10
    assert bins_used(schools, bins=4, values=10) < 4
    # As many bins as it has between its values: quantiles are left alone.
    assert bins_used(schools, bins=10, values=11) < 10


def test_values_of_few_rows_have_no_edges_of_their_own():
    values = np.arange(11)
    few = [9] * 6 + [40] * 5
    assert bins_used(np.repeat(values, few), bins=4, values=11) < 10
    enough = [1] * 5 + [10] * 6
    assert bins_used(np.repeat(values, enough), bins=4, values=11) == 10


def test_a_value_with_edges_has_a_place_of_its_own():
    schools = np.repeat(np.arange(6.0), 20)
    layer = PiecewiseLinearEmbedding(2, bins=2, values=8)
    layer.adapt(schools[:, None])
    x = np.float32([[0], [1], [2.5], [5]])
    places = keras.ops.convert_to_numpy(layer._places(x[..., None]))[:, 0]
    expected = [[0] * 7, [1] + [0] * 6, [1, 1, 0.5] + [0] * 4, [1] * 5 + [0] * 2]
    np.testing.assert_allclose(places, expected, atol=1e-6)


@pytest.mark.two_backends
def test_a_jagged_function_is_learned_from_its_pieces():
    x = np.linspace(-1, 1, 400, dtype="float32")[:, None]
    y = np.sign(np.sin(12 * x))
    layer = adapted(x, units=1, bins=32)
    model = keras.Sequential([keras.Input((1,)), layer, keras.layers.Flatten()])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model.fit(x, y, epochs=60, batch_size=100, verbose=0)
    assert model.evaluate(x, y, verbose=0) < 0.15


def test_the_periodic_embedding_is_its_formula():
    layer = PeriodicEmbedding(3, frequencies=4, sigma=0.5, seed=1)
    result = keras.ops.convert_to_numpy(layer(X))
    c, kernel, bias = (keras.ops.convert_to_numpy(w) for w in layer.weights)
    for column in range(2):
        turns = 2 * np.pi * X[:, column, None] * c[column]
        waves = np.concatenate([np.sin(turns), np.cos(turns)], axis=1)
        expected = np.maximum(waves @ kernel[column] + bias[column], 0)
        np.testing.assert_allclose(result[:, column], expected, atol=1e-5)


def test_wrong_arguments_are_named():
    with pytest.raises(UserError, match="bins"):
        PiecewiseLinearEmbedding(3, bins=0)
    with pytest.raises(UserError, match="values"):
        PiecewiseLinearEmbedding(3, values=-1)
    with pytest.raises(UserError, match="sigma must be a finite number, above 0"):
        PeriodicEmbedding(3, sigma=0)
    layer = adapted(X)
    with pytest.raises(UserError, match=r"reads 2 columns.*\(10, 3\)"):
        layer.adapt(np.zeros((10, 3)))
    fresh = PiecewiseLinearEmbedding(3)
    for rows in (np.zeros((0, 2)), np.array([[0.0, np.nan]]), np.zeros(2)):
        with pytest.raises(UserError, match="adapt"):
            fresh.adapt(rows)
    # What was refused has not made the layer one of so many columns.
    fresh.adapt(np.eye(4))
    assert fresh.slope.shape[0] == 4
