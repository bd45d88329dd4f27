"""Without gradients PyTorch takes shorter ways, which must lead to the same place."""

import keras
import numpy as np
import pytest
from keras import ops

from polytask.numeric.prox import metric_group_soft_threshold, soft_threshold
from polytask.regularizers._tensor import safe_norm

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="only PyTorch has the shorter ways"
)


def kernel(scale=1.0):
    values = np.random.default_rng(0).normal(size=(6, 7)).astype("float32")
    values[2] = 0.0
    return torch.tensor(values * np.float32(scale))


@pytest.mark.parametrize("scale", [1e-40, 1e-25, 1e-16, 1.0, 1e14, 1e25, 1e37])
@pytest.mark.parametrize("axis", [None, 0, (1,), (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_norm_without_a_gradient_is_the_norm_with_one(scale, axis, keepdims):
    values = kernel(scale)
    expected = safe_norm(values.clone().requires_grad_(), axis, keepdims).detach()
    found = safe_norm(values, axis, keepdims)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_groups_of_zeros_and_of_tiny_weights_keep_their_norms_side_by_side():
    values = kernel()
    values[1] *= 1e-25
    norms = safe_norm(values, 1)
    assert norms[2] == 0.0
    reference = np.linalg.norm(values.numpy().astype("float64"), axis=1)
    np.testing.assert_allclose(norms, reference, rtol=1e-6)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_a_prox_without_a_gradient_is_that_with_one_and_leaves_its_arguments(axes):
    metric = torch.rand((6, 7), generator=torch.Generator().manual_seed(0)) + 0.1
    proxes = {
        "group": lambda v, m: metric_group_soft_threshold(v, ops.array(0.3), m, axes),
        "single": lambda v, m: soft_threshold(v, 0.3 * m),
        "number": lambda v, m: soft_threshold(v, 0.3),
    }
    for name, prox in proxes.items():
        given = kernel(), metric.clone()
        expected = prox(given[0].clone().requires_grad_(), given[1]).detach()
        found = prox(*given)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7, err_msg=name)
        assert torch.equal(given[0], kernel()), name
        assert torch.equal(given[1], metric), name


def test_thresholds_outlive_the_prox_that_used_them():
    values, thresholds = kernel(), torch.full((6, 7), 0.3)
    first = soft_threshold(values, thresholds)
    kept = first.clone()
    soft_threshold(values + 1.0, thresholds)
    assert torch.equal(first, kept)
    assert torch.equal(thresholds, torch.full((6, 7), 0.3))
