"""The regularizers in NumPy and double precision are those that networks have."""

import numpy as np
import pytest
from keras import ops

from polytask import regularizers
from polytask.linear import supported
from polytask.linear.penalties import UnpenalizedLastRow, Whole, make_penalty
from tests.helpers.linear_cases import OPTIONS, SPLIT, structure

WHOLE = sorted(set(supported()) - set(SPLIT))
COMPARING = [n for n in WHOLE if getattr(structure(n), "needs_equal_widths", False)]
NORMS = [
    "capped_l1",
    "capped_rows",
    "dirty",
    "elastic_net",
    "fused_sparse_group_lasso",
    "group_lasso",
    "growl",
    "l1",
    "l1_inf",
    "l21",
    "log_sum",
    "mcp",
    "multi_task_elastic_net",
    "robust_l21",
    "robust_trace_norm",
    "scad",
    "slope",
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
    return make_penalty(regularizer, columns=5)


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
    np.testing.assert_allclose(
        penalty(regularizer).prox(weights(), 0.7), expected, atol=2e-5
    )


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
    assert Whole(regularizer).lambda_max(gradient) == pytest.approx(expected, rel=1e-4)


def test_every_other_structure_never_gives_all_zeros():
    for name in set(supported()) - set(NORMS):
        assert Whole(structure(name)).lambda_max(weights()) is None


@pytest.mark.parametrize("groups", ["inputs", "units"])
def test_group_lasso_scales_with_the_size_of_the_group(groups):
    regularizer = regularizers.GroupLasso(0.3, groups=groups)
    expected = as_numpy(regularizer.prox(weights().astype("float32"), 0.7))
    np.testing.assert_allclose(
        penalty(regularizer).prox(weights(), 0.7), expected, atol=1e-6
    )


def test_the_options_of_the_tests_are_of_known_structures():
    assert set(OPTIONS) <= set(supported())


@pytest.mark.parametrize("name", WHOLE)
def test_a_penalty_is_its_ridge_and_the_rest(name):
    regularizer = strong(name)
    rest, ridge = regularizer.without_ridge()
    w = weights()
    whole = Whole(rest).value(w) + 0.5 * ridge * np.sum(w**2)
    assert penalty(regularizer).value(w) == pytest.approx(whole)


@pytest.mark.parametrize("name", WHOLE)
def test_the_matrix_of_a_quadratic_penalty_gives_its_value(name):
    regularizer, w = strong(name), weights()
    matrix = regularizer.task_matrix(5)
    if matrix is not None:
        expected = 0.5 * np.trace(w @ matrix @ w.T)
        assert Whole(regularizer).value(w) == pytest.approx(expected)


@pytest.mark.parametrize("name", WHOLE)
def test_the_kernels_of_rows_and_entries_are_the_regularizer(name):
    regularizer = strong(name)
    quick, whole, w = penalty(regularizer), Whole(regularizer), weights()
    assert quick.value(w) == pytest.approx(whole.value(w))
    np.testing.assert_allclose(quick.prox(w, 0.3), whole.prox(w, 0.3), atol=1e-14)
    if regularizer.is_norm:
        assert quick.dual_norm(w) == pytest.approx(whole.dual_norm(w))


@pytest.mark.parametrize("name", COMPARING)
def test_the_columns_of_a_task_count_as_features(name):
    regularizer, w = strong(name), np.random.default_rng(3).standard_normal((4, 6))
    # Three tasks of two columns, side by side and below each other.
    below = np.concatenate([w[:, 0::2], w[:, 1::2]])
    wide, tall = Whole(regularizer, width=2), Whole(regularizer)
    assert wide.value(w) == pytest.approx(tall.value(below))
    expected, shrunk = tall.prox(below, 0.3), wide.prox(w, 0.3)
    np.testing.assert_allclose(shrunk[:, 0::2], expected[:4], atol=1e-12)
    np.testing.assert_allclose(shrunk[:, 1::2], expected[4:], atol=1e-12)


def test_intercepts_are_left_alone():
    plain = penalty(strong("trace_norm"))
    beside = UnpenalizedLastRow(plain)
    w = weights()
    assert beside.value(w) == plain.value(w[:-1])
    np.testing.assert_array_equal(beside.prox(w, 0.3)[-1], w[-1])
    np.testing.assert_array_equal(beside.prox(w, 0.3)[:-1], plain.prox(w[:-1], 0.3))
