"""Stochastic layers against the formulas of their papers."""

import numpy as np
import pytest
from keras import ops

from polytask import UserError
from polytask.layers import (
    ColumnGroupDropout,
    DropBlock1D,
    DropBlock2D,
    DropConnect,
    StochasticDepth,
    TokenDropout,
)

rng = np.random.default_rng(0)


def trained(layer, x):
    return ops.convert_to_numpy(layer(x, training=True))


def test_stochastic_depth_drops_a_row_as_a_whole_and_scales_the_others():
    x = np.ones((4000, 3, 2), "float32")
    y = trained(StochasticDepth(0.2, seed=1), x)
    kept = y.any(axis=(1, 2))
    np.testing.assert_allclose(y[kept], 1 / 0.8, rtol=1e-6)
    # Four standard errors of a share of 4000 rows.
    assert abs(kept.mean() - 0.8) < 4 * np.sqrt(0.16 / 4000)


def blocks(zeros, size):
    """Return whether every zero lies in a full square of zeros."""
    covered = np.zeros_like(zeros)
    rows, columns = zeros.shape
    for i in range(rows - size + 1):
        for j in range(columns - size + 1):
            if zeros[i : i + size, j : j + size].all():
                covered[i : i + size, j : j + size] = True
    return np.array_equal(covered, zeros)


def test_drop_block_drops_full_squares_of_each_channel_by_itself():
    x = np.ones((40, 9, 8, 2), "float32")
    y = trained(DropBlock2D(0.3, 3, seed=1), x)
    zeros = y == 0
    for row in range(40):
        for channel in range(2):
            assert blocks(zeros[row, :, :, channel], 3)
    assert not np.array_equal(zeros[..., 0], zeros[..., 1])


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (DropBlock2D(0.1, 3, seed=1), (300, 10, 12, 2)),
        (DropBlock1D(0.1, 4, seed=1), (3000, 20, 2)),
    ],
    ids=["squares", "stretches"],
)
def test_as_many_blocks_begin_as_the_paper_s_gamma_says(layer, shape):
    y = trained(layer, np.ones(shape, "float32"))
    b, sides = layer.block_size, np.array(shape[1:-1])
    gamma = 0.1 / b ** len(sides) * np.prod(sides / (sides - b + 1))
    # A value is kept if none of the blocks that could hold it begins.
    kept = np.ones(1)
    for side in sides:
        position = np.arange(side)
        first = np.maximum(position - b + 1, 0)
        last = np.minimum(position, side - b)
        kept = np.multiply.outer(kept, last - first + 1)
    expected = np.mean((1 - gamma) ** kept)
    assert np.mean(y != 0) == pytest.approx(expected, rel=0.01)
    assert y.mean() == pytest.approx(1.0, rel=1e-5)


def test_drop_block_knows_channels_that_come_first():
    # TensorFlow pools such maps on the CPU only after a transposition.
    x = np.ones((20, 2, 9, 8), "float32")
    y = trained(DropBlock2D(0.3, 3, "channels_first", seed=1), x)
    assert all(blocks(y[row, 0] == 0, 3) for row in range(20))
    assert (y == 0).any()


@pytest.mark.parametrize("per_row", [True, False])
def test_drop_connect_multiplies_the_weights_by_a_mask(per_row):
    layer = DropConnect(4, 0.25, per_row=per_row, seed=1)
    identity = np.eye(50, dtype="float32")
    layer.build(identity.shape)
    kernel = rng.uniform(1, 2, (50, 4)).astype("float32")
    layer.set_weights([kernel, np.zeros(4, "float32")])
    dropped = trained(layer, identity)
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], kernel[kept] / 0.75, rtol=1e-5)
    assert 0.6 < kept.mean() < 0.9


def test_drop_connect_gives_each_row_masks_of_its_own_unless_told_otherwise():
    x = np.ones((200, 30), "float32")
    own, common = (DropConnect(5, per_row=b, seed=1) for b in (True, False))
    assert len(np.unique(trained(own, x)[:, 0])) > 100
    assert len(np.unique(trained(common, x)[:, 0])) == 1


def test_drop_connect_has_the_dense_layer_as_its_mean_before_the_activation():
    layer = DropConnect(3, 0.3, seed=1, bias_initializer="ones")
    x = np.tile(rng.normal(size=(1, 6)).astype("float32"), (20000, 1))
    expected = ops.convert_to_numpy(layer(x[:1]))
    y = trained(layer, x)
    error = y.std(axis=0) / np.sqrt(len(y))
    assert np.all(np.abs(y.mean(axis=0) - expected[0]) < 4 * error)


def test_drop_connect_keeps_the_axes_of_its_input():
    x = rng.normal(size=(4, 2, 3, 5)).astype("float32")
    layer = DropConnect(6, 0.0, seed=1)
    expected = ops.convert_to_numpy(layer(x))
    layer.rate = 1e-6
    np.testing.assert_allclose(trained(layer, x), expected, rtol=1e-4, atol=1e-5)


def test_column_group_dropout_hides_all_columns_of_a_feature_or_none():
    x = rng.normal(size=(3000, 6)).astype("float32")
    missing = np.arange(6, dtype="float32") + 10
    y = trained(ColumnGroupDropout([[0, 3], [2, 4, 5]], 0.3, missing, seed=1), x)
    hidden = y != x
    np.testing.assert_array_equal(y, np.where(hidden, missing, x))
    assert not hidden[:, 1].any()
    np.testing.assert_array_equal(hidden[:, 0], hidden[:, 3])
    np.testing.assert_array_equal(hidden[:, 2], hidden[:, 4])
    for column in (0, 2):
        assert abs(hidden[:, column].mean() - 0.3) < 4 * np.sqrt(0.21 / 3000)
    # The two features are drawn apart.
    both = (hidden[:, 0] & hidden[:, 2]).mean()
    assert abs(both - 0.09) < 4 * np.sqrt(0.09 / 3000)


def test_column_group_dropout_hides_a_feature_in_all_steps_of_a_sequence():
    x = rng.normal(size=(50, 4, 3)).astype("float32")
    y = trained(ColumnGroupDropout([[0], [1], [2]], 0.5, -9.0, seed=1), x)
    hidden = y == -9
    np.testing.assert_array_equal(hidden, np.broadcast_to(hidden[:, :1], hidden.shape))
    assert hidden.any()
    assert not hidden.all()


def test_token_dropout_replaces_tokens_but_no_padding():
    x = rng.integers(0, 50, (200, 30)).astype("int32")
    x[:, 20:] = 0
    y = trained(TokenDropout(0.25, unknown=77, seed=1), x)
    replaced = y == 77
    np.testing.assert_array_equal(y, np.where(replaced, 77, x))
    assert not replaced[x == 0].any()
    assert replaced[x != 0].mean() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StochasticDepth(1.0), "rate must be .* below 1; found 1"),
        (lambda: StochasticDepth(float("nan")), "rate must be a finite number"),
        (lambda: StochasticDepth.rates(0.2, 0), "depth must be an integer, at least 1"),
        (lambda: DropBlock2D(0.1, 0), "block_size must be an integer"),
        (lambda: DropBlock2D(0.1, 3, "last"), "data_format must be one of"),
        (lambda: DropBlock2D(0.1, 3).build((None, 8, 2, 4)), "does not fit"),
        (lambda: DropBlock1D(0.1, 3).build((None, 8, 2, 4)), "must have 3 axes"),
        (lambda: DropConnect(2, -0.1), "rate must be"),
        (lambda: ColumnGroupDropout([[-1]]), "must be lists of column numbers from 0"),
        (lambda: ColumnGroupDropout([[0], []]), "each with at least one"),
        (lambda: ColumnGroupDropout([[0, 1], [1]]), r"\[1\] stand in more than one"),
        (lambda: ColumnGroupDropout([[3]]).build((None, 3)), "column 3 is beyond"),
        (
            lambda: ColumnGroupDropout([[0]], 0.1, [1.0]).build((None, 3)),
            "missing has 1 values for 3 columns",
        ),
        (lambda: TokenDropout(0.1, unknown=-1), "unknown must be an integer"),
    ],
)
def test_a_wrong_argument_is_named(make, message):
    with pytest.raises(UserError, match=message):
        make()
