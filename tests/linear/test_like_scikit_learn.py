"""What scikit-learn's lassos take: sample weights, sparse inputs, signs, a start."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import linear_model

from polytask import UserError
from polytask.linear import (
    MultiTaskClassifier,
    MultiTaskRegressor,
    MultiTaskRegressorCV,
)
from tests.helpers.linear_cases import as_lists, data, with_missing

STRUCTURES = ["l21", "l1", "l2", "trace_norm"]
TIGHT = {"tol": 1e-10, "max_iter": 100_000}


def thinned(x, share=0.7):
    holes = np.random.default_rng(3).random(x.shape) < share
    return np.where(holes, 0.0, x)


def assert_same(one, other, atol=1e-6):
    np.testing.assert_allclose(one.coef_, other.coef_, atol=atol)
    np.testing.assert_allclose(one.intercept_, other.intercept_, atol=atol)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("holes", [False, True], ids=["complete", "missing"])
@pytest.mark.parametrize("name", STRUCTURES)
def test_a_weight_counts_like_so_many_copies_of_the_row(name, holes, intercept):
    x, y = data()
    y = with_missing(y) if holes else y
    weight = np.random.default_rng(4).integers(0, 4, len(x))
    copies = np.repeat(np.arange(len(x)), weight)
    options = {"strength": 0.1, "fit_intercept": intercept, **TIGHT}
    ours = MultiTaskRegressor(name, **options)
    ours.fit(x, y, sample_weight=weight / 3)
    copied = MultiTaskRegressor(name, **options).fit(x[copies], y[copies])
    assert_same(ours, copied)


def test_weights_are_those_of_scikit_learn():
    x, y = data(tasks=1)
    weight = np.random.default_rng(5).uniform(0, 2, len(x))
    ours = MultiTaskRegressor("l1", strength=0.2, **TIGHT)
    ours.fit(x, y[:, 0], sample_weight=weight)
    oracle = linear_model.Lasso(alpha=0.2, **TIGHT)
    oracle.fit(x, y[:, 0], sample_weight=weight)
    assert_same(ours, oracle)


def test_tables_of_their_own_have_weights_of_their_own():
    x, y = data()
    y = with_missing(y)
    weight = np.random.default_rng(6).uniform(0, 2, len(x))
    shared = MultiTaskRegressor("l21", strength=0.1, **TIGHT)
    shared.fit(x, y, sample_weight=weight)
    xs, ys = as_lists(x, y)
    weights = [weight[~np.isnan(column)] for column in y.T]
    apart = MultiTaskRegressor("l21", strength=0.1, **TIGHT)
    assert_same(shared, apart.fit(xs, ys, sample_weight=weights))
    with pytest.raises(UserError, match="must be a list of 4 vectors"):
        apart.fit(xs, ys, sample_weight=weight)


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("shape", [{}, {"examples": 25, "features": 60}])
@pytest.mark.parametrize("holes", [False, True], ids=["complete", "missing"])
@pytest.mark.parametrize("name", STRUCTURES)
def test_sparse_inputs_give_what_dense_ones_give(name, holes, shape, form):
    x, y = data(**shape)
    x, y = thinned(x), with_missing(y) if holes else y
    x[:, 3] = 2.0
    dense = MultiTaskRegressor(name, ratio=0.05, **TIGHT).fit(x, y)
    thin = MultiTaskRegressor(name, ratio=0.05, **TIGHT).fit(form(x), y)
    assert_same(dense, thin, atol=1e-5)
    np.testing.assert_allclose(
        thin.predict(form(x)), dense.predict(x), atol=1e-4, rtol=1e-5
    )


def test_sparse_inputs_take_weights_lists_and_cross_validation():
    x, y = data()
    x = thinned(x)
    weight = np.random.default_rng(7).uniform(0, 2, len(x))
    dense = MultiTaskRegressor("l21", strength=0.1, **TIGHT)
    dense.fit(x, y, sample_weight=weight)
    thin = MultiTaskRegressor("l21", strength=0.1, **TIGHT)
    assert_same(dense, thin.fit(sparse.csr_array(x), y, sample_weight=weight))
    xs, ys = as_lists(x, with_missing(y))
    dense.fit(xs, ys)
    assert_same(dense, thin.fit([sparse.csr_array(table) for table in xs], ys))
    options = {"num_strengths": 4, "cv": 3}
    one = MultiTaskRegressorCV(**options).fit(x, y, sample_weight=weight)
    two = MultiTaskRegressorCV(**options)
    two.fit(sparse.csc_array(x), y, sample_weight=weight)
    np.testing.assert_allclose(one.cv_errors_, two.cv_errors_, rtol=1e-4)


def test_a_large_sparse_table_is_never_made_dense():
    random = np.random.default_rng(0)
    # Two terabytes, if it were dense.
    x = sparse.random_array((500_000, 500_000), density=4e-6, rng=random, format="csr")
    y = np.asarray(x[:, :2] @ np.ones((2, 2)) + random.standard_normal((500_000, 2)))
    model = MultiTaskRegressor("l21", ratio=0.9).fit(x, y)
    assert (model.coef_ != 0).any()


@pytest.mark.parametrize("name", ["l1", "elastic_net"])
def test_positive_weights_are_those_of_scikit_learn(name):
    x, y = data()
    ours = MultiTaskRegressor(name, ratio=0.05, positive=True, **TIGHT).fit(x, y)
    alpha = ours.strength_
    oracle = linear_model.Lasso(alpha=alpha, positive=True, **TIGHT)
    if name == "elastic_net":
        ours.set_params(ratio=None, strength=alpha)
        oracle = linear_model.ElasticNet(
            alpha=2 * alpha, l1_ratio=0.5, positive=True, **TIGHT
        )
    assert_same(ours.fit(x, y), oracle.fit(x, y), atol=1e-5)
    assert ours.coef_.min() >= 0
    free = MultiTaskRegressor(name, strength=alpha).fit(x, y)
    assert free.coef_.min() < 0


@pytest.mark.parametrize("name", ["l21", "l1_inf", "dirty"])
def test_positive_weights_of_structures_are_those_of_cvxpy(name):
    cvxpy = pytest.importorskip("cvxpy")
    x, y = data(examples=30, features=6, tasks=3)
    ours = MultiTaskRegressor(name, ratio=0.1, positive=True, **TIGHT).fit(x, y)
    w, b = cvxpy.Variable((6, 3), nonneg=True), cvxpy.Variable((1, 3))
    loss = cvxpy.sum_squares(x @ w + np.ones((30, 1)) @ b - y) / 60
    penalty = {
        "l21": lambda s: s * cvxpy.sum(cvxpy.norm(w, 2, axis=1)),
        "l1_inf": lambda s: s * cvxpy.sum(cvxpy.norm(w, "inf", axis=1)),
    }
    if name == "dirty":
        other = cvxpy.Variable((6, 3))
        rows, entries = (getattr(p, p.strengths[0]) for p in _parts(ours))
        penalty = rows * cvxpy.sum(
            cvxpy.norm(w - other, "inf", axis=1)
        ) + entries * cvxpy.sum(cvxpy.abs(other))
    else:
        penalty = penalty[name](ours.strength_)
    problem = cvxpy.Problem(cvxpy.Minimize(loss + penalty))
    problem.solve()
    assert ours.objective_ <= problem.value * (1 + 1e-7)
    np.testing.assert_allclose(ours.objective_, problem.value, rtol=1e-4)
    np.testing.assert_allclose(ours.coef_, w.value.T, atol=1e-2)


def _parts(model):
    own = getattr(model.regularizer_, model.regularizer_.strengths[0])
    return model.regularizer_.rescaled(model.strength_ / own).parts


def test_from_the_ratio_one_on_positive_weights_are_zero():
    x, y = data()
    at = MultiTaskRegressor("l21", ratio=1.0, positive=True).fit(x, -y)
    assert not at.coef_.any()
    below = MultiTaskRegressor("l21", ratio=0.9, positive=True).fit(x, -y)
    assert below.coef_.any()


def test_positive_weights_need_a_structure_of_absolute_values():
    x, y = data()
    with pytest.raises(UserError, match="TraceNorm does not"):
        MultiTaskRegressor("trace_norm", positive=True).fit(x, y)


@pytest.mark.parametrize("options", [{}, {"positive": True}])
@pytest.mark.parametrize("name", ["l21", "trace_norm", "dirty"])
def test_a_warm_start_reaches_the_same_point_sooner(name, options):
    if options and name == "trace_norm":
        pytest.skip("not of absolute values")
    x, y = data()
    cold = MultiTaskRegressor(name, ratio=0.1, **TIGHT, **options).fit(x, y)
    warm = MultiTaskRegressor(name, ratio=0.1, warm_start=True, **TIGHT, **options)
    warm.fit(x, y)
    assert warm.n_iter_ == cold.n_iter_
    warm.set_params(ratio=0.098).fit(x, y)
    other = MultiTaskRegressor(name, ratio=0.098, **TIGHT, **options).fit(x, y)
    assert_same(warm, other, atol=1e-5)
    assert warm.n_iter_ <= other.n_iter_
    warm.fit(x, y)
    assert warm.n_iter_ == 1
    with pytest.raises(UserError, match="warm_start begins at the weights"):
        warm.fit(x[:, :5], y)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("holes", [False, True], ids=["complete", "missing"])
def test_a_weight_counts_like_copies_of_the_row_in_classification(holes, classes):
    x, y = data(tasks=2)
    y = np.digitize(y, np.quantile(y, np.linspace(0, 1, classes + 1)[1:-1])) * 1.0
    y = with_missing(y) if holes else y
    weight = np.random.default_rng(4).integers(0, 4, len(x))
    copies = np.repeat(np.arange(len(x)), weight)
    options = {"strength": 0.02, "tol": 1e-8, "max_iter": 100_000}
    ours = MultiTaskClassifier("l21", warm_start=True, **options)
    ours.fit(x, y, sample_weight=weight / 3)
    copied = MultiTaskClassifier("l21", **options).fit(x[copies], y[copies])
    assert_same(ours, copied, atol=1e-5)
    ours.fit(x, y, sample_weight=weight / 3)
    assert ours.n_iter_ == 1


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-np.ones(40), "Negative values"),
        # The first is scikit-learn's own, from 1.9 on.
        (np.zeros(40), "at least one non-zero|of weight 0"),
        (np.ones(39), "sample_weight.shape"),
    ],
)
def test_wrong_weights_are_refused(weight, message):
    x, y = data()
    with pytest.raises(ValueError, match=message):
        MultiTaskRegressor().fit(x, y, sample_weight=weight)
