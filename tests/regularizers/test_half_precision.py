"""Weights in half precision are shrunk as if they were in single, and come back."""

import numpy as np
import pytest
from keras import ops

from tests.helpers.regularizer_cases import ALL, weights, with_prox


def halved(seed, scale, dtype):
    """Return weights that half precision holds exactly, and the same in it."""
    half = ops.cast(weights(seed, scale=scale), dtype)
    return as_single(half), half


def as_single(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


@pytest.mark.parametrize(
    ("dtype", "scale"), [("float16", 1.0), ("float16", 1e-5), ("bfloat16", 1.0)]
)
@pytest.mark.parametrize("name", with_prox(ALL))
def test_the_prox_of_half_precision_is_that_of_single_precision_rounded(
    name, scale, dtype
):
    w, half = halved(3, scale, dtype)
    metric = np.float32(1.8)
    if ALL[name].metric == "diagonal":
        metric = np.random.default_rng(5).uniform(0.4, 3.0, w.shape).astype("float32")
    found = ALL[name].prox(half, 0.1 * scale, metric)
    expected = ALL[name].prox(w, 0.1 * scale, metric)
    assert dtype in str(found.dtype)
    np.testing.assert_array_equal(
        as_single(found), as_single(ops.cast(expected, dtype))
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", sorted(ALL))
def test_the_value_of_half_precision_is_that_of_single_precision_rounded(name, dtype):
    w, half = halved(3, 1.0, dtype)
    found = ALL[name](half)
    assert dtype in str(found.dtype)
    expected = as_single(ops.cast(ALL[name](w), dtype))
    np.testing.assert_array_equal(as_single(found), expected)


@pytest.mark.parametrize("name", ["group_lasso", "l21", "trace_norm"])
def test_the_critical_strength_of_tiny_gradients_is_found_in_half_precision(name):
    gradient, half = halved(3, 1e-5, "float16")
    found, expected = (ALL[name].lambda_max(g) for g in (half, gradient))
    np.testing.assert_allclose(as_single(found), as_single(expected), rtol=1e-6)
