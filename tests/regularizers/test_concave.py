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
