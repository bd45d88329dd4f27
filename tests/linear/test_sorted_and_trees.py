"""SLOPE, GrOWL and trees of tasks in linear models, against cvxpy."""

import numpy as np
import pytest
from scipy.special import ndtri

from polytask import regularizers
from polytask.linear import MultiTaskRegressor
from tests.helpers.linear_cases import data

cvxpy = pytest.importorskip("cvxpy")


def sorted_norm(sizes, weights):
    falls = np.append(weights[:-1] - weights[1:], weights[-1])
    return sum(
        fall * cvxpy.sum_largest(sizes, k + 1)
        for k, fall in enumerate(falls)
        if fall > 0
    )


def slope(w):
    quantiles = ndtri(1 - 0.3 * np.arange(1, w.size + 1) / (2 * w.size))
    weights = 0.3 * quantiles / quantiles[0]
    sizes = cvxpy.abs(cvxpy.vec(w, order="C"))
    return regularizers.SLOPE(0.3, rate=0.3), sorted_norm(sizes, weights)


def growl(w):
    rows = w.shape[0]
    weights = 0.8 + 0.9 * np.arange(rows - 1, -1, -1) / rows
    ranks = regularizers.GrOWL(0.8, clustering=0.9)
    return ranks, sorted_norm(cvxpy.norm(w, 2, axis=1), weights)


def tree(w):
    groups = [[0], [1], [2, 3], [0, 1, 2, 3]]
    penalty = regularizers.TreeGroupLasso(groups, 0.4, weights=[1.0, 0.5, 2.0, 1.0])
    value = sum(
        0.4 * weight * cvxpy.sum(cvxpy.norm(w[:, group], 2, axis=1))
        for group, weight in zip(groups, penalty.weights, strict=True)
    )
    return penalty, value


@pytest.mark.parametrize("make", [slope, growl, tree])
def test_the_minimum_is_that_of_a_general_solver(make):
    x, y = data(examples=25, features=6)
    w, b = cvxpy.Variable((6, 4)), cvxpy.Variable((1, 4))
    penalty, value = make(w)
    model = MultiTaskRegressor(penalty, tol=1e-11).fit(x, y)
    loss = cvxpy.sum_squares(x @ w + np.ones((25, 1)) @ b - y) / 50
    problem = cvxpy.Problem(cvxpy.Minimize(loss + value))
    problem.solve(solver="CLARABEL")
    assert model.objective_ == pytest.approx(problem.value, rel=1e-6)
    np.testing.assert_allclose(model.coef_.T, w.value, atol=1e-4)
    assert not model.coef_.all()


@pytest.mark.parametrize("make", [slope, growl])
def test_norms_of_ranks_have_a_duality_gap(make):
    x, y = data()
    penalty, _ = make(cvxpy.Variable((12, 4)))
    rough = MultiTaskRegressor(penalty, tol=1e-3).fit(x, y)
    fine = MultiTaskRegressor(penalty, tol=1e-11).fit(x, y)
    assert rough.objective_ - fine.objective_ <= rough.dual_gap_
    assert 0 <= fine.dual_gap_ < 1e-9 * np.sum(y.var(axis=0))
