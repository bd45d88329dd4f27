import numpy as np
import pytest
from keras import ops

from polytask.regularizers import L1, GroupLasso, L1Ball, MaxNorm, SparseGroupLasso
from polytask.regularizers.groups import from_group_rows, group_axes, group_rows


@pytest.mark.parametrize(
    ("shape", "groups", "number", "size"),
    [
        ((7, 3), "inputs", 7, 3),
        ((7, 3), "units", 3, 7),
        ((3, 3, 4, 5), "channels", 4, 45),
        ((3, 3, 4, 5), "filters", 5, 36),
        ((3, 3, 4, 5), "all", 1, 180),
        ((6,), "units", 6, 1),
    ],
)
def test_groups_of_a_kernel(shape, groups, number, size):
    kernel = np.arange(np.prod(shape), dtype="float32").reshape(shape)
    rows = group_rows(ops, kernel, groups)
    assert tuple(rows.shape) == (number, size)
    back = ops.convert_to_numpy(from_group_rows(ops, rows, kernel, groups))
    np.testing.assert_array_equal(back, kernel)


def test_an_input_of_a_dense_kernel_is_a_row():
    kernel = np.array([[3.0, 4.0], [0.3, 0.4]], "float32")
    shrunk = GroupLasso(1.0, "inputs", scale_by_size=False).prox(kernel, 1.0)
    np.testing.assert_allclose(
        ops.convert_to_numpy(shrunk), [[2.4, 3.2], [0, 0]], atol=1e-6
    )


def test_a_channel_of_a_convolution_disappears_as_a_whole():
    kernel = np.ones((3, 3, 2, 4), "float32")
    kernel[:, :, 1, :] = 1e-3
    shrunk = ops.convert_to_numpy(GroupLasso(0.1, "channels").prox(kernel, 1.0))
    assert np.all(shrunk[:, :, 1, :] == 0.0)
    assert np.all(shrunk[:, :, 0, :] > 0.8)


def test_size_scaling_multiplies_by_the_root_of_the_group_size():
    kernel = np.ones((5, 9), "float32")
    plain = float(GroupLasso(1.0, "inputs", scale_by_size=False)(kernel))
    assert float(GroupLasso(1.0, "inputs")(kernel)) == pytest.approx(3 * plain)


def test_max_norm_in_a_metric_treats_units_not_rows():
    kernel = np.array([[3.0, 0.3], [4.0, 0.4]], "float32")
    metric = np.ones_like(kernel)
    bounded = ops.convert_to_numpy(MaxNorm(1.0).prox(kernel, 1.0, metric))
    np.testing.assert_allclose(bounded, [[0.6, 0.3], [0.8, 0.4]], atol=1e-6)


def test_l1_ball_per_filter_bounds_every_filter():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4)).astype("float32")
    bounded = ops.convert_to_numpy(L1Ball(1.0, "filters").project(kernel))
    np.testing.assert_allclose(np.abs(bounded).sum((0, 1, 2)), 1.0, rtol=1e-5)


def test_axes_are_negative_so_that_leading_axes_do_not_matter():
    assert group_axes(np.zeros((2, 3, 4)), "inputs") == (-3, -1)


@pytest.mark.parametrize("metric", [None, [0.5, 1.0, 2.0]])
def test_the_units_of_a_bias_are_groups_of_one_weight(metric):
    bias = np.array([1.0, -2.0, 0.1], "float32")
    expected = L1(0.3).prox(bias, 0.5, metric)
    for penalty in (GroupLasso(0.3, "units"), SparseGroupLasso(0.3, 0.4, "units")):
        found = penalty.prox(bias, 0.5, metric)
        np.testing.assert_allclose(
            ops.convert_to_numpy(found), ops.convert_to_numpy(expected), rtol=1e-6
        )
