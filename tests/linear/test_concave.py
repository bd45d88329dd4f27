"""Penalties that rise ever more slowly, stage by stage, against convex oracles."""

import numpy as np
import pytest
from sklearn import linear_model

from polytask import regularizers
from polytask.linear import MultiTaskRegressor, path
from tests.helpers.linear_cases import data

CONCAVE = {
    "log_sum": regularizers.LogSum(1.0, epsilon=0.3),
    "capped_l1": regularizers.CappedL1(1.0, cap=0.5),
    "capped_rows": regularizers.CappedRows(1.0, cap=0.7),
    "lq": regularizers.Lq(1.0, power=0.6),
    "mcp": regularizers.MCP(1.0, gamma=3.0),
    "scad": regularizers.SCAD(1.0),
    "multi_level": regularizers.MultiLevel(1.0),
    "multiplicative": regularizers.Multiplicative(1.0),
    "multiplicative of sums": regularizers.Multiplicative(1.0, own=1, common=2),
    "nfsgl": regularizers.NonconvexFusedSparseGroupLasso(1.0, fusion=0.3),
}
RATIO = 0.1


def fitted(regularizer, **options):
    x, y = data()
    return MultiTaskRegressor(regularizer, ratio=RATIO, tol=1e-10, **options).fit(x, y)


def objective(model, w):
    x, y = data()
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    penalty = model.regularizer_.rescaled(model.strength_ / model.regularizer_.strength)
    loss = 0.5 * np.sum((x @ w - y) ** 2) / len(x)
    return loss + float(penalty(w.astype("float64")))


@pytest.mark.parametrize("name", CONCAVE)
def test_no_point_nearby_is_lower(name):
    model = fitted(CONCAVE[name])
    best = model.coef_.T
    assert model.objective_ == pytest.approx(objective(model, best), rel=1e-5)
    assert 0 < (best != 0).sum() < best.size
    random = np.random.default_rng(0)
    for size in (1e-3, 1e-2):
        for _ in range(20):
            change = size * random.standard_normal(best.shape)
            for other in (best + change, best + np.where(best == 0, 0, change)):
                assert objective(model, other) >= model.objective_ - 1e-6


@pytest.mark.parametrize("name", CONCAVE)
def test_all_weights_are_zero_from_ratio_one_on(name):
    x, y = data()
    found = path(x, y, CONCAVE[name], ratios=[1.0001, 0.05])
    assert not found.coefs[0].any()
    assert found.coefs[1].any()


@pytest.mark.parametrize("name", CONCAVE)
def test_a_path_finds_what_a_cold_fit_finds(name):
    x, y = data()
    found = path(x, y, CONCAVE[name], ratios=[0.9, 0.3, RATIO], tol=1e-10)
    np.testing.assert_allclose(found.coefs[-1], fitted(CONCAVE[name]).coef_, atol=1e-6)


@pytest.mark.parametrize("name", ["log_sum", "lq"])
def test_the_weights_are_those_of_a_lasso_with_their_own_slopes(name):
    x, y = data(tasks=1)
    model = MultiTaskRegressor(CONCAVE[name], ratio=RATIO, tol=1e-11).fit(x, y)
    w, strength = model.coef_[0], model.strength_
    there = w != 0
    if name == "log_sum":
        slopes = strength / (0.3 + np.abs(w))
    else:
        slopes = 0.6 * strength * np.abs(w[there]) ** -0.4
        x, w = x[:, there], w[there]
    oracle = linear_model.Lasso(alpha=1.0, tol=1e-14, max_iter=100_000)
    oracle.fit(x / slopes, y[:, 0])
    np.testing.assert_allclose(oracle.coef_ / slopes, w, atol=1e-6)


@pytest.mark.parametrize("by_row", [False, True])
def test_stages_of_capped_l1_are_lassos_that_spare_what_is_large(by_row):
    # Orthogonal inputs: each stage is a soft threshold.
    random = np.random.default_rng(0)
    x, _ = np.linalg.qr(random.standard_normal((30, 8)))
    x, v = x * np.sqrt(30), random.standard_normal((8, 3))
    strength, cap = 0.6, 0.9
    w = np.zeros_like(v)
    for _ in range(10):
        size = np.abs(w).sum(axis=1, keepdims=True) if by_row else np.abs(w)
        threshold = strength * (size < cap)
        w = np.sign(v) * np.maximum(np.abs(v) - threshold, 0)
    make = regularizers.CappedRows if by_row else regularizers.CappedL1
    model = MultiTaskRegressor(make(strength, cap=cap), fit_intercept=False, tol=1e-12)
    np.testing.assert_allclose(model.fit(x, x @ v).coef_.T, w, atol=1e-8)


@pytest.mark.parametrize("name", ["mcp", "scad"])
def test_orthogonal_inputs_have_the_closed_form_of_folded_penalties(name):
    random = np.random.default_rng(0)
    x, _ = np.linalg.qr(random.standard_normal((30, 8)))
    x, v = x * np.sqrt(30), 3 * random.standard_normal((8, 3))
    size, strength, gamma, a = np.abs(v), 0.6, 2.5, 3.7
    soft = np.maximum(size - strength, 0)
    if name == "mcp":
        # Zhang (2010): the firm threshold.
        make = regularizers.MCP(strength, gamma)
        w = np.where(size <= gamma * strength, soft / (1 - 1 / gamma), size)
    else:
        # Fan and Li (2001), equation 2.8.
        make = regularizers.SCAD(strength, a)
        middle = ((a - 1) * size - a * strength) / (a - 2)
        w = np.where(size <= 2 * strength, soft, middle)
        w = np.where(size > a * strength, size, w)
    model = MultiTaskRegressor(make, fit_intercept=False, tol=1e-12).fit(x, x @ v)
    np.testing.assert_allclose(model.coef_.T, np.sign(v) * w, atol=1e-8)
    assert len(np.unique(np.digitize(size, [strength, 2 * strength, a * strength]))) > 2


def test_folded_penalties_leave_large_weights_where_no_penalty_does():
    x, y = data(examples=80)
    model = MultiTaskRegressor(regularizers.MCP(0.1, gamma=3.0), tol=1e-11).fit(x, y)
    w = model.coef_.T
    gradient = (x - x.mean(0)).T @ ((x - x.mean(0)) @ w - (y - y.mean(0))) / 80
    free, zero = np.abs(w) >= 0.3, w == 0
    assert free.any()
    assert zero.any()
    np.testing.assert_allclose(gradient[free], 0, atol=1e-8)
    assert np.abs(gradient[zero]).max() <= 0.1 + 1e-8


def test_a_stage_of_the_fused_one_is_a_fused_lasso():
    cvxpy = pytest.importorskip("cvxpy")
    x, y = data(examples=30, features=6)
    penalty = regularizers.NonconvexFusedSparseGroupLasso(0.15, fusion=0.1)
    model = MultiTaskRegressor(penalty, tol=1e-11).fit(x, y)
    sums = np.abs(model.coef_).sum(axis=0)
    there = sums > 0
    assert 0 < there.sum() < 6
    slopes = 0.15 / (2 * np.sqrt(sums[there]))
    x, y = x[:, there] - x[:, there].mean(axis=0), y - y.mean(axis=0)
    w = cvxpy.Variable((there.sum(), 4))
    cost = cvxpy.sum_squares(x @ w - y) / 60
    cost += cvxpy.sum(slopes @ cvxpy.abs(w))
    cost += 0.1 * cvxpy.sum(cvxpy.abs(w[:, 1:] - w[:, :-1]))
    cvxpy.Problem(cvxpy.Minimize(cost)).solve(solver="CLARABEL")
    np.testing.assert_allclose(model.coef_[:, there].T, w.value, atol=1e-5)


def test_large_weights_are_shrunk_less_than_by_the_lasso():
    x, y = data()
    lasso = MultiTaskRegressor("l1", ratio=RATIO).fit(x, y)
    capped = fitted(regularizers.CappedL1(1.0, cap=0.3))
    free = MultiTaskRegressor(None).fit(x, y)
    large = np.abs(free.coef_) > 1.5
    assert np.all(np.abs(capped.coef_[large]) > np.abs(lasso.coef_[large]))


@pytest.mark.parametrize("name", ["lq", "mcp"])
def test_weights_of_at_least_zero(name):
    model = fitted(CONCAVE[name], positive=True)
    assert (model.coef_ >= 0).all()
    assert model.coef_.any()
