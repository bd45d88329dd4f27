"""Estimators that learn weights and what relates them, against oracles of each turn."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn import covariance, linear_model

from polytask import UserError
from polytask.linear import (
    AsymmetricRegressor,
    LatentBasisRegressor,
    MatrixNormalRegressor,
    MultiTaskGridSearchCV,
    MultiTaskRegressor,
)
from polytask.linear.solvers.graphical_lasso import graphical_lasso
from tests.helpers.linear_cases import as_lists, data, with_missing

ESTIMATORS = [
    LatentBasisRegressor(2, tol=1e-7, max_iter=500),
    AsymmetricRegressor(1.0, cost=0.1, tol=1e-7, max_iter=500),
    MatrixNormalRegressor(0.05, sparsity=0.5, tol=1e-7),
]


def names(estimator):
    return type(estimator).__name__


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=names)
def test_the_objective_falls_from_turn_to_turn(estimator):
    x, y = data()
    estimator.fit(x, with_missing(y))
    falls = -np.diff(estimator.objectives_)
    assert (falls >= -1e-8 * estimator.objectives_[0]).all()
    assert estimator.objective_ == estimator.objectives_[-1]
    assert len(estimator.objectives_) == estimator.n_iter_ > 2


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=names)
def test_lists_and_sparse_inputs_are_the_same_problem(estimator):
    x, y = data()
    y = with_missing(y)
    table = estimator.fit(x, y).coef_
    np.testing.assert_allclose(estimator.fit(*as_lists(x, y)).coef_, table, atol=2e-3)
    np.testing.assert_allclose(estimator.fit(csr_matrix(x), y).coef_, table, atol=2e-3)
    weighted = estimator.fit(x, y, sample_weight=np.full(len(x), 3.0)).coef_
    np.testing.assert_allclose(weighted, table, atol=2e-3)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=names)
def test_constant_targets_have_no_weights(estimator):
    x, y = data()
    estimator.fit(x, 0 * y + 3)
    assert not estimator.coef_.any()
    np.testing.assert_allclose(estimator.predict(x), 3.0)


def centered():
    x, y = data(examples=60)
    return x - x.mean(axis=0), y - y.mean(axis=0)


def test_codes_are_lassos_and_the_basis_is_a_ridge():
    x, y = centered()
    model = LatentBasisRegressor(3, strength=0.3, tol=1e-9, max_iter=1000).fit(x, y)
    basis, codes = model.basis_, model.codes_
    np.testing.assert_allclose(basis @ codes, model.coef_.T)
    lasso = linear_model.Lasso(alpha=0.3, fit_intercept=False, tol=1e-14)
    oracle = np.stack([lasso.fit(x @ basis, y[:, t]).coef_ for t in range(4)], axis=1)
    np.testing.assert_allclose(codes, oracle, atol=1e-3)
    # L is a ridge on the inputs x_i s_tᵀ.
    design = np.einsum("id,kt->itdk", x, codes).reshape(x.shape[0] * 4, -1)
    ridge = linear_model.Ridge(alpha=0.3 * len(x), fit_intercept=False)
    flat = ridge.fit(design, y.ravel()).coef_
    np.testing.assert_allclose(basis, flat.reshape(basis.shape), atol=1e-3)


def test_one_weight_of_one_task_costs_its_power_of_two_thirds():
    # min over l s = w of |s| + ½ l² is 3/2 |w|^(2/3).
    x = np.array([[-1.0], [1.0]])
    model = LatentBasisRegressor(1, strength=0.5, tol=1e-9).fit(x, 3.0 * x)
    grid = np.linspace(0.0, 4.0, 400_001)
    cost = 0.5 * (grid - 3.0) ** 2 + 0.75 * grid ** (2 / 3)
    assert model.coef_[0, 0] == pytest.approx(grid[cost.argmin()], abs=1e-4)
    assert model.objective_ == pytest.approx(cost.min(), rel=1e-6)


def test_groups_that_overlap_are_found():
    random = np.random.default_rng(0)
    x, basis = random.standard_normal((80, 10)), random.standard_normal((10, 2))
    codes = np.array([[1.0, 2.0, 0.0, 0.0, 1.5], [0.0, 0.0, 1.0, -2.0, 1.5]])
    y = x @ basis @ codes + 0.1 * random.standard_normal((80, 5))
    model = LatentBasisRegressor(2, ratio=0.03, tol=1e-9, max_iter=1000).fit(x, y)
    there = np.abs(model.codes_) > 0.2
    there = there if there[0, 0] else there[::-1]
    assert there.tolist() == (codes != 0).tolist()


def test_what_a_task_gives_is_a_lasso_of_weights_that_costs_its_loss():
    x, y = centered()
    model = AsymmetricRegressor(1.0, cost=0.1, tol=1e-9, max_iter=1000).fit(x, y)
    w, b = model.coef_.T, model.transfer_
    losses = 0.5 * np.mean((x @ w - y) ** 2, axis=0)
    assert (b >= 0).all()
    assert not np.diag(b).any()
    for t in range(4):
        others = np.arange(4) != t
        # min ½‖w_t - W b‖² + Σ price_s b_s, with b_s in units of one over its price.
        prices = 0.1 * losses[others]
        lasso = linear_model.Lasso(
            alpha=1 / len(w), positive=True, fit_intercept=False, tol=1e-14
        )
        lasso.fit(w[:, others] / prices, w[:, t])
        np.testing.assert_allclose(b[others, t], lasso.coef_ / prices, atol=1e-3)


def test_the_weights_are_best_for_the_transfer():
    x, y = centered()
    model = AsymmetricRegressor(1.0, cost=0.1, tol=1e-9, max_iter=1000).fit(x, y)
    left = np.eye(4) - model.transfer_
    given = 1.0 + 0.1 * model.transfer_.sum(axis=1)
    w = model.coef_.T
    gradient = x.T @ (x @ w - y) / len(x) * given + w @ left @ left.T
    np.testing.assert_allclose(gradient, 0.0, atol=1e-3)


def test_without_transfer_each_task_is_a_ridge():
    x, y = data()
    dear = AsymmetricRegressor(0.3, cost=1e6).fit(x, y)
    assert not dear.transfer_.any()
    ridge = linear_model.Ridge(alpha=0.3 * len(x)).fit(x, y)
    np.testing.assert_allclose(dear.coef_, ridge.coef_, atol=1e-5)


def test_tasks_that_are_learned_well_give_to_those_that_are_not():
    random = np.random.default_rng(0)
    x, w = random.standard_normal((50, 8)), random.standard_normal((8, 1))
    y = np.repeat(x @ w, 3, axis=1)
    y[:, 1:] += 5 * random.standard_normal((50, 2))
    model = AsymmetricRegressor(1.0, cost=2.0).fit(x, y)
    good, bad = model.transfer_[0, 1:], model.transfer_[1:, 0]
    assert (good > 0.5).all()
    assert (bad < 0.1).all()


@pytest.mark.parametrize("price", [0.05, 0.3])
def test_the_precision_is_that_of_scikit_learn(price):
    rows = np.random.default_rng(0).standard_normal((40, 8))
    s = rows.T @ rows / 40
    own = price * np.eye(8)
    _, oracle = covariance.graphical_lasso(
        s + own, alpha=price, tol=1e-9, enet_tol=1e-9, max_iter=1000
    )
    precision = graphical_lasso(s, price)
    np.testing.assert_allclose(precision, oracle, atol=1e-4)
    assert ((precision != 0) == (np.abs(oracle) > 1e-10)).all()


def test_a_precision_of_few_directions_is_positive_definite():
    rows = np.random.default_rng(0).standard_normal((5, 30))
    s = rows.T @ rows / 5
    precision = graphical_lasso(s, 0.2)
    # The dual point P⁻¹ - S is at most the price, and is it where P is not zero.
    dual = np.linalg.inv(precision) - s
    assert np.abs(dual).max() <= 0.2 * (1 + 1e-3)
    there = precision != 0
    signs = np.sign(precision[there])
    np.testing.assert_allclose(dual[there], 0.2 * signs, atol=1e-3)
    assert np.linalg.eigvalsh(precision)[0] > 0


def test_the_weights_are_best_for_the_precision():
    x, y = centered()
    model = MatrixNormalRegressor(0.05, sparsity=0.5, tol=1e-9).fit(x, y)
    w, p = model.coef_.T, model.task_precision_
    gradient = x.T @ (x @ w - y) / len(x) + model.strength_ * w @ p
    np.testing.assert_allclose(gradient, 0.0, atol=1e-6)


def test_options_are_chosen_on_rows_of_all_tasks():
    x, y = data()
    grid = {"task_structure": ["l1", "l21"], "ratio": [0.01, 0.1, 0.9]}
    for inputs in ((x, with_missing(y)), as_lists(x, with_missing(y))):
        search = MultiTaskGridSearchCV(MultiTaskRegressor(), grid, cv=3).fit(*inputs)
        assert search.cv_errors_.shape == (6, 3)
        best = search.params_[int(search.cv_errors_.mean(axis=1).argmin())]
        assert search.best_params_["ratio"] == best["ratio"] < 0.9
        again = MultiTaskRegressor(**search.best_params_).fit(*inputs)
        np.testing.assert_allclose(search.best_estimator_.coef_, again.coef_)
        assert search.score(x, y) == again.score(x, y)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (LatentBasisRegressor(0), "components must be"),
        (LatentBasisRegressor(strength=1.0, ratio=0.1), "either strength or ratio"),
        (
            LatentBasisRegressor(ratio=-1.0),
            "ratio must be above 0.*found -1",
        ),
        (AsymmetricRegressor(0.0), "strength must be a finite number"),
        (AsymmetricRegressor(cost=float("nan")), "cost must be a finite number"),
        (MatrixNormalRegressor(sparsity=0), "sparsity must be a finite number"),
        (MatrixNormalRegressor(task_weights="row"), 'Did you mean "rows"'),
    ],
)
def test_options_out_of_range_are_refused(estimator, message):
    x, y = data()
    with pytest.raises(UserError, match=message):
        estimator.fit(x, y)
