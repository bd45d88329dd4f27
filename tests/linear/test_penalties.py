"""The NumPy penalties are those of polytask.regularizers."""

import numpy as np
import pytest
from keras import ops

from polytask import regularizers
from polytask.linear import supported
from polytask.linear.penalties.from_regularizer import from_regularizer
from polytask.linear.penalties.with_ridge import WithRidge
from tests.helpers.linear_cases import OPTIONS, SPLIT, structure

WHOLE = sorted(set(supported()) - set(SPLIT))
NORMS = [
    "dirty",
    "elastic_net",
    "fused_sparse_group_lasso",
    "group_lasso",
    "l1",
    "l1_inf",
    "l21",
    "robust_l21",
    "robust_trace_norm",
    "sparse_group_lasso",
    "sparse_low_rank",
    "temporal_group_lasso",
    "trace_norm",
]


def strong(name):
    """A structure whose effect on entries of size one is visible."""
    return structure(name).rescaled(40.0)


def weights(seed=0):
    w = np.random.default_rng(seed).standard_normal((7, 5))
    w[2] = 0
    w[3] = 2.0
    return w


def penalty(regularizer):
    made, ridge = from_regularizer(regularizer, (7, 5))
    return WithRidge(made, ridge) if ridge else made


def as_numpy(tensor):
    return ops.convert_to_numpy(tensor).astype("float64")


@pytest.mark.parametrize("name", WHOLE)
def test_the_value_is_that_of_the_regularizer(name):
    regularizer = strong(name)
    expected = float(regularizer(weights().astype("float32")))
    assert penalty(regularizer).value(weights()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", [n for n in WHOLE if structure(n).has_prox])
def test_the_prox_is_that_of_the_regularizer(name):
    regularizer = strong(name)
    expected = as_numpy(regularizer.prox(weights().astype("float32"), 0.7))
    found = penalty(regularizer).prox(weights(), 0.7)
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("name", SPLIT)
def test_the_parts_are_those_of_the_regularizer(name):
    regularizer = strong(name)
    made = penalty(regularizer)
    stacked = np.stack([weights(), weights(1)])
    for part, own, w in zip(
        (made.first, made.second), regularizer.parts, stacked, strict=True
    ):
        expected = as_numpy(own.prox(w.astype("float32"), 0.7))
        np.testing.assert_allclose(part.prox(w, 0.7), expected, atol=2e-5)


@pytest.mark.parametrize("name", sorted(supported()))
def test_no_other_point_has_a_lower_prox_objective(name):
    made = penalty(strong(name))
    v = weights() if made.parts == 1 else np.stack([weights(), weights(1)])

    def objective(w):
        return 0.5 * np.sum((w - v) ** 2) + 0.7 * made.value(w)

    best = made.prox(v, 0.7)
    random = np.random.default_rng(2)
    for size in (1e-4, 1e-2, 1.0):
        for _ in range(20):
            other = best + size * random.standard_normal(v.shape)
            assert objective(other) >= objective(best) - 1e-9
    assert objective(v) >= objective(best)
    assert objective(0 * v) >= objective(best)


@pytest.mark.parametrize("name", NORMS)
def test_lambda_max_is_that_of_the_regularizer(name):
    regularizer = structure(name)
    gradient = weights()
    expected = float(regularizer.lambda_max(gradient.astype("float32")))
    factor = from_regularizer(regularizer, (7, 5))[0].critical_factor(gradient)
    first = getattr(regularizer, regularizer.strengths[0])
    assert factor * first == pytest.approx(expected, rel=1e-4)


def test_every_other_structure_never_gives_all_zeros():
    for name in set(supported()) - set(NORMS):
        made, _ = from_regularizer(structure(name), (7, 5))
        assert made.critical_factor(weights()) is None


@pytest.mark.parametrize("groups", ["inputs", "units"])
def test_group_lasso_scales_with_the_size_of_the_group(groups):
    regularizer = regularizers.GroupLasso(0.3, groups=groups)
    expected = as_numpy(regularizer.prox(weights().astype("float32"), 0.7))
    np.testing.assert_allclose(
        penalty(regularizer).prox(weights(), 0.7), expected, atol=1e-6
    )


def test_the_options_of_the_tests_are_of_known_structures():
    assert set(OPTIONS) <= set(supported())
