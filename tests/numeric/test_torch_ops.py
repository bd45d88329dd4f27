"""PyTorch's own functions lead to the same place as those of `keras.ops`."""

import keras
import numpy as np
import pytest
from keras import ops

from polytask.numeric.namespace import TORCH_OPS, kernel_namespace
from polytask.numeric.norms import safe_norm
from polytask.numeric.prox import group_soft_threshold, soft_threshold

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="only PyTorch has the shorter ways"
)


def kernel(scale=1.0):
    values = np.random.default_rng(0).normal(size=(6, 7)).astype("float32")
    values[2] = 0.0
    return torch.tensor(values * np.float32(scale))


def test_they_are_taken_where_no_gradient_is_recorded():
    recorded = kernel().requires_grad_()
    assert kernel_namespace(kernel(), 0.1) is TORCH_OPS
    assert kernel_namespace(kernel(), recorded) is ops
    with torch.no_grad():
        assert kernel_namespace(recorded) is TORCH_OPS


@pytest.mark.parametrize("scale", [1e-40, 1e-25, 1e-16, 1.0, 1e14, 1e25, 1e37])
@pytest.mark.parametrize("axis", [None, 0, (1,), (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_norm_without_a_gradient_is_the_norm_with_one(scale, axis, keepdims):
    values = kernel(scale)
    expected = safe_norm(ops, values, axis, keepdims)
    norms = safe_norm(TORCH_OPS, values, axis, keepdims)
    assert norms.shape == expected.shape
    np.testing.assert_allclose(norms, expected, rtol=1e-6)


def test_groups_of_zeros_and_of_tiny_weights_keep_their_norms_side_by_side():
    values = kernel()
    values[1] *= 1e-25
    norms = safe_norm(TORCH_OPS, values, 1)
    assert norms[2] == 0.0
    reference = np.linalg.norm(values.numpy().astype("float64"), axis=1)
    np.testing.assert_allclose(norms, reference, rtol=1e-6)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_a_prox_without_a_gradient_is_that_with_one_and_leaves_its_arguments(axes):
    metric = torch.rand((6, 7), generator=torch.Generator().manual_seed(0)) + 0.1
    threshold = ops.array(0.3)
    proxes = {
        "group": lambda xp, v, m: group_soft_threshold(xp, v, threshold, m, axes),
        "single": lambda xp, v, m: soft_threshold(xp, v, 0.3 * m),
        "number": lambda xp, v, m: soft_threshold(xp, v, 0.3),
    }
    for name, prox in proxes.items():
        arguments = kernel(), metric.clone()
        expected = prox(ops, *arguments)
        shrunk = prox(TORCH_OPS, *arguments)
        np.testing.assert_allclose(shrunk, expected, rtol=1e-5, atol=1e-7, err_msg=name)
        assert torch.equal(arguments[0], kernel()), name
        assert torch.equal(arguments[1], metric), name


def test_thresholds_outlive_the_prox_that_used_them():
    values, thresholds = kernel(), torch.full((6, 7), 0.3)
    first = soft_threshold(TORCH_OPS, values, thresholds)
    kept = first.clone()
    soft_threshold(TORCH_OPS, values + 1.0, thresholds)
    assert torch.equal(first, kept)
    assert torch.equal(thresholds, torch.full((6, 7), 0.3))
