"""The root of each task's squares: against cvxpy, and what it is for."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from polytask import UserError
from polytask.linear import MultiTaskRegressor, MultiTaskRegressorCV, path
from polytask.regularizers import Dirty
from tests.helpers.linear_cases import as_lists, data, with_missing

# Noise of different size in each task.
UNITS = np.array([1.0, 5.0, 0.2, 2.0])


def fitted(structure="l21", x=None, y=None, **options):
    if x is None:
        x, y = data()
        y = y * UNITS
    return MultiTaskRegressor(structure, loss="root", **options).fit(x, y)


def test_the_minimum_is_that_of_a_general_solver():
    cvxpy = pytest.importorskip("cvxpy")
    x, y = data(examples=30, features=6)
    y = y * UNITS
    model = fitted("l21", x, y, strength=0.4, tol=1e-9)
    w, b = cvxpy.Variable((6, 4)), cvxpy.Variable((1, 4))
    residuals = x @ w + np.ones((30, 1)) @ b - y
    loss = sum(cvxpy.norm(residuals[:, t]) for t in range(4)) / np.sqrt(30)
    cost = loss + 0.4 * cvxpy.sum(cvxpy.norm(w, 2, axis=1))
    problem = cvxpy.Problem(cvxpy.Minimize(cost))
    problem.solve(solver="CLARABEL")
    assert model.objective_ == pytest.approx(problem.value, rel=1e-7)
    np.testing.assert_allclose(model.coef_.T, w.value, atol=1e-3)


@pytest.mark.parametrize("structure", ["l21", "l1", "trace_norm", Dirty(1.0, 0.6)])
def test_the_gap_bounds_what_is_left(structure):
    rough = fitted(structure, ratio=0.2, tol=1e-3)
    fine = fitted(structure, ratio=0.2, tol=1e-7)
    assert rough.objective_ - fine.objective_ <= rough.dual_gap_ + 1e-9
    assert abs(fine.dual_gap_) <= 2e-7 * fine.objective_
    assert not fitted(structure, ratio=1.0001).coef_.any()
    assert fitted(structure, ratio=0.97, tol=1e-7).coef_.any()


def test_the_right_strength_does_not_depend_on_the_unit_of_the_targets():
    x, y = data()
    one = fitted("l1", x, y, strength=0.1, tol=1e-8)
    ten = fitted("l1", x, 10 * y, strength=0.1, tol=1e-8)
    np.testing.assert_allclose(ten.coef_, 10 * one.coef_, atol=1e-5)
    squares = MultiTaskRegressor("l1", strength=0.1, tol=1e-8)
    unlike = squares.fit(x, 10 * y).coef_ - 10 * squares.fit(x, y).coef_
    assert np.abs(unlike).max() > 0.1


def test_a_task_that_is_fitted_exactly_has_a_minimum():
    x, y = data(examples=40)
    y[:, 0] = x[:, 0]
    model = fitted("l21", x, y, ratio=1e-3)
    assert np.isfinite(model.coef_).all()
    np.testing.assert_allclose(model.predict(x)[:, 0], x[:, 0], atol=0.05)


def test_lists_sparse_inputs_and_weights_are_the_same_problem():
    x, y = data()
    y = with_missing(y)
    table = fitted("l21", x, y, ratio=0.1, tol=1e-9)
    lists = fitted("l21", *as_lists(x, y), ratio=0.1, tol=1e-9)
    thin = fitted("l21", csr_matrix(x), y, ratio=0.1, tol=1e-9)
    for other in (lists, thin):
        np.testing.assert_allclose(other.coef_, table.coef_, atol=1e-4)
    model = MultiTaskRegressor("l21", loss="root", ratio=0.1, tol=1e-9)
    twice = model.fit(x, y, sample_weight=np.full(len(x), 2.0)).coef_
    np.testing.assert_allclose(twice, table.coef_, atol=1e-4)


def test_paths_and_cross_validation_know_it():
    x, y = data()
    found = path(x, y * UNITS, "l21", ratios=[0.5, 0.1], loss="root", tol=1e-9)
    cold = fitted("l21", ratio=0.1, tol=1e-9)
    np.testing.assert_allclose(found.coefs[-1], cold.coef_, atol=1e-4)
    search = MultiTaskRegressorCV("l21", loss="root", num_strengths=5).fit(x, y)
    assert search.ratio_ in search.ratios_


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "roots"}, 'loss must be "squared" or "root".*Did you mean "root"'),
        (
            {"loss": "root", "task_structure": "lq"},
            'loss="root" takes a convex structure; Lq is not',
        ),
    ],
)
def test_options_that_do_not_fit(options, message):
    x, y = data()
    with pytest.raises(UserError, match=message):
        MultiTaskRegressor(**options).fit(x, y)
