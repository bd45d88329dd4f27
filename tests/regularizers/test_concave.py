"""Penalties that leave large weights alone: against a search, and a closed form."""

import numpy as np
import pytest
from keras import ops
from sklearn.isotonic import isotonic_regression

from polytask import UserError, regularizers
from polytask.numeric.namespace import NUMPY_OPS
from polytask.numeric.prox import decreasing, power_threshold

GRID = np.linspace(-4, 4, 80_001)


def array(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize(
    ("penalty", "value"),
    [
        (regularizers.LogSum(0.8, 0.3), lambda w: 0.8 * np.log(1 + np.abs(w) / 0.3)),
        (regularizers.LogSum(0.1, 2.0), lambda w: 0.1 * np.log(1 + np.abs(w) / 2.0)),
        (regularizers.CappedL1(0.8, 0.5), lambda w: 0.8 * np.minimum(np.abs(w), 0.5)),
        (regularizers.CappedL1(0.3, 1.5), lambda w: 0.3 * np.minimum(np.abs(w), 1.5)),
        (regularizers.Lq(0.5, 0.3), lambda w: 0.5 * np.abs(w) ** 0.3),
        (regularizers.Lq(0.9, 0.9), lambda w: 0.9 * np.abs(w) ** 0.9),
    ],
)
@pytest.mark.parametrize("metric", [1.0, 2.5])
def test_no_number_is_better_than_the_prox(penalty, value, metric):
    v, step = np.linspace(-3, 3, 41).astype("float32"), 0.7
    found = array(penalty.prox(v, step, metric)).astype("float64")

    def cost(w, target):
        return 0.5 * metric * (w - target) ** 2 + step * value(w)

    best = np.array([cost(GRID, target).min() for target in v])
    assert np.all(cost(found, v) <= best + 1e-5)


def test_the_prox_of_half_a_power_is_the_closed_form():
    # Xu et al. (2012), equation 10, for ‖w - v‖² + strength · |w|^½.
    v = np.linspace(1.0, 6.0, 26)
    strength = 0.8
    threshold = 54 ** (1 / 3) / 4 * strength ** (2 / 3)
    angle = np.arccos(strength / 8 * (v / 3) ** -1.5)
    expected = 2 / 3 * v * (1 + np.cos(2 * np.pi / 3 - 2 * angle / 3))
    expected[v <= threshold] = 0.0
    found = power_threshold(NUMPY_OPS, v, np.float64(strength / 2), 0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_rows_pay_for_their_weights_up_to_the_cap():
    penalty = regularizers.CappedRows(0.5, cap=1.0)
    rows = np.array([[0.3, -0.2], [0.6, -0.9], [5.0, 0.1]], "float32")
    assert float(penalty(rows)) == pytest.approx(0.5 * (0.5 + 1.0 + 1.0))
    generator = np.random.default_rng(0)
    found = array(penalty.prox(rows, 1.0)).astype("float64")

    def cost(w):
        capped = np.minimum(np.abs(w).sum(-1), 1.0)
        return 0.5 * ((w - rows) ** 2).sum(-1) + 0.5 * capped

    for size in (1e-3, 0.1, 1.0):
        others = generator.normal(size=(2000, 3, 2)) * size
        assert np.all(cost(found) <= cost(found + others).min(0) + 1e-6)
        assert np.all(cost(found) <= cost(others).min(0) + 1e-6)


@pytest.mark.parametrize("strength", [0.3, 1.5, 4.0])
def test_levels_for_all_tasks_have_no_better_weights_than_the_prox(strength):
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(40, 3)).astype("float32")
    rows[:20, 0] *= 5
    found = array(regularizers.MultiLevel(strength).prox(rows, 1.0)).astype("float64")

    def cost(w):
        return 0.5 * ((w - rows) ** 2).sum(-1) + strength * np.sqrt(np.abs(w).sum(-1))

    # Every minimum is a soft threshold.
    for level in np.linspace(0, np.abs(rows).max(), 4001):
        other = np.sign(rows) * np.maximum(np.abs(rows) - level, 0)
        assert np.all(cost(found) <= cost(other) + 1e-5)


def test_levels_cost_what_the_cheapest_factors_do():
    row, grid = np.array([[1.0, -3.0, 0.5]], "float32"), np.linspace(1e-3, 20, 200_000)
    cheapest = (0.7 * grid + 0.2 * np.abs(row).sum() / grid).min()
    penalty = regularizers.MultiLevel(2 * np.sqrt(0.7 * 0.2))
    assert float(penalty(row)) == pytest.approx(cheapest, rel=1e-5)


@pytest.mark.parametrize(
    ("own", "common", "prices"),
    [(1, 1, (0.7, 0.2)), (1, 2, (0.7, 0.2)), (2, 1, (1, 2))],
)
def test_a_product_costs_what_the_cheapest_factors_do(own, common, prices):
    row, grid = np.array([[1.0, -3.0, 0.5]], "float32"), np.geomspace(1e-3, 50, 200_000)
    of_own, of_common = prices

    def cheapest(scale):
        total = (np.abs(scale * row) ** own).sum()
        return (of_own * total / grid**own + of_common * grid**common).min()

    one = regularizers.Multiplicative(1.0, own=own, common=common)
    strength = cheapest(1.0) / float(one(row))
    # One strength for all rows.
    for scale in (0.1, 4.0):
        penalty = regularizers.Multiplicative(strength, own=own, common=common)
        assert float(penalty(scale * row)) == pytest.approx(cheapest(scale), rel=1e-5)


@pytest.mark.parametrize("strength", [0.3, 1.5, 4.0])
@pytest.mark.parametrize(("own", "common"), [(1, 1), (1, 2), (2, 1)])
def test_no_shrunken_row_is_better_than_the_prox_of_a_product(strength, own, common):
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(40, 3)).astype("float32")
    rows[:20, 0] *= 5
    penalty = regularizers.Multiplicative(strength, own=own, common=common)
    found = array(penalty.prox(rows, 1.0)).astype("float64")
    power = own * common / (own + common)

    def cost(w):
        size = np.linalg.norm(w, own, axis=-1)
        return 0.5 * ((w - rows) ** 2).sum(-1) + strength * size**power

    for level in np.linspace(0, 1, 2001):
        # Every minimum is a soft threshold, or for the Euclidean norm a fraction.
        least = level * np.abs(rows).max(axis=-1, keepdims=True)
        shrunken = np.sign(rows) * np.maximum(np.abs(rows) - least, 0)
        other = shrunken if own == 1 else level * rows
        assert np.all(cost(found) <= cost(other) + 1e-5)


def test_one_level_for_each_feature_and_task_is_the_multi_level_lasso():
    w = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    product = regularizers.Multiplicative(0.4, own=1, common=1)
    expected = array(regularizers.MultiLevel(0.4).prox(w, 0.9))
    np.testing.assert_allclose(array(product.prox(w, 0.9)), expected, atol=1e-7)


@pytest.mark.parametrize("fusion", [0.0, 0.3])
def test_no_pair_of_times_is_better_than_the_prox_of_the_fused_root(fusion):
    rows = np.random.default_rng(0).normal(size=(12, 2)).astype("float32") * 2
    penalty = regularizers.NonconvexFusedSparseGroupLasso(1.2, fusion=fusion)
    found = array(penalty.prox(rows, 1.0)).astype("float64")
    grid = np.linspace(-5, 5, 401)
    pairs = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 1, 2)

    def cost(w):
        root = 1.2 * np.sqrt(np.abs(w).sum(-1))
        return (
            0.5 * ((w - rows) ** 2).sum(-1) + root + fusion * np.abs(np.diff(w))[..., 0]
        )

    assert np.all(cost(found) <= cost(pairs).min(axis=0) + 1e-6)
    assert (found == 0).all(axis=1).any()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("xp", [NUMPY_OPS, ops])
def test_pooling_gives_the_isotonic_regression(xp, seed):
    z = np.random.default_rng(seed).normal(size=200).astype("float32")
    z[50:120] = np.sort(z[50:120])
    found = decreasing(xp, z if xp is NUMPY_OPS else ops.convert_to_tensor(z))
    expected = isotonic_regression(z, increasing=False)
    np.testing.assert_allclose(np.asarray(array(found)), expected, atol=1e-6)


def test_one_rank_alone_is_l21_and_equal_ranks_are_too():
    w = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    rows = regularizers.GrOWL(0.7, clustering=0.0).prox(w, 0.9)
    expected = array(regularizers.L21(0.7).prox(w, 0.9))
    np.testing.assert_allclose(array(rows), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: regularizers.LogSum(epsilon=0), "epsilon"),
        (lambda: regularizers.CappedL1(cap=-1), "cap"),
        (lambda: regularizers.CappedRows(cap=float("nan")), "cap"),
        (lambda: regularizers.Lq(power=1.0), "power"),
        (lambda: regularizers.SLOPE(rate=1), "rate"),
        (lambda: regularizers.GrOWL(clustering="x"), "clustering"),
        (lambda: regularizers.MultiLevel(-1), "strength"),
    ],
)
def test_numbers_out_of_range_are_refused(make, name):
    with pytest.raises(UserError, match=f"{name} must be a finite number"):
        make()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"own": 3}, "own must be 1 or 2; found 3"),
        ({"common": 0.5}, "common must be 1 or 2; found 0.5"),
        ({"own": 2, "common": 2}, "is L21, which is convex"),
    ],
)
def test_a_product_is_of_two_concave_kinds_or_of_the_lasso_of_levels(options, message):
    with pytest.raises(UserError, match=message):
        regularizers.Multiplicative(**options)
