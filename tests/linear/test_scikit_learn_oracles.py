"""polytask.linear against scikit-learn's solvers of the same problems."""

import numpy as np
import pytest
from sklearn import linear_model

from polytask import regularizers
from polytask.linear import MultiTaskClassifier, MultiTaskRegressor, path
from tests.helpers.linear_cases import data

TIGHT = {"tol": 1e-12, "max_iter": 100_000}
ALPHA = 0.3
WIDE = {"examples": 25, "features": 60}


def structures():
    mixed = regularizers.TemporalGroupLasso(
        0.7 * ALPHA, smoothness=0.0, ridge=0.3 * ALPHA
    )
    return {
        "l21": ("l21", linear_model.MultiTaskLasso(alpha=ALPHA, **TIGHT)),
        "lasso": ("lasso", linear_model.Lasso(alpha=ALPHA, **TIGHT)),
        "elastic net": (
            regularizers.ElasticNet(0.7 * ALPHA, 0.3 * ALPHA),
            linear_model.ElasticNet(alpha=ALPHA, l1_ratio=0.7, **TIGHT),
        ),
        "multi-task elastic net": (
            regularizers.MultiTaskElasticNet(ALPHA, l1_ratio=0.7),
            linear_model.MultiTaskElasticNet(alpha=ALPHA, l1_ratio=0.7, **TIGHT),
        ),
        "multi-task elastic net by name": (
            "multi_task_elastic_net",
            linear_model.MultiTaskElasticNet(alpha=ALPHA, l1_ratio=0.5, **TIGHT),
        ),
        "l21 and ridge": (
            mixed,
            linear_model.MultiTaskElasticNet(alpha=ALPHA, l1_ratio=0.7, **TIGHT),
        ),
    }


def fitted(structure, x, y, **options):
    strength = ALPHA if isinstance(structure, str) else None
    return MultiTaskRegressor(structure, strength=strength, tol=1e-12, **options).fit(
        x, y
    )


@pytest.mark.parametrize("shape", [{}, WIDE], ids=["tall", "wide"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("name", list(structures()))
def test_strength_is_alpha_and_the_solutions_are_equal(name, intercept, shape):
    x, y = data(**shape)
    structure, oracle = structures()[name]
    oracle.set_params(fit_intercept=intercept).fit(x, y)
    ours = fitted(structure, x, y, fit_intercept=intercept)
    np.testing.assert_allclose(ours.coef_, oracle.coef_, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, oracle.intercept_, atol=1e-6)
    np.testing.assert_array_equal(ours.coef_ == 0, oracle.coef_ == 0)


def test_many_features_need_the_working_set_and_the_residual_form():
    x, y = data(examples=30, features=400, tasks=3)
    oracle = linear_model.MultiTaskLasso(alpha=0.02, **TIGHT).fit(x, y)
    ours = MultiTaskRegressor("l21", strength=0.02, tol=1e-12).fit(x, y)
    assert (ours.coef_ != 0).any(axis=0).sum() > 30
    np.testing.assert_allclose(ours.coef_, oracle.coef_, atol=1e-6)


def test_ridge_of_strength_alpha_over_n_is_ridge():
    x, y = data()
    oracle = linear_model.Ridge(alpha=ALPHA * len(x)).fit(x, y)
    ours = fitted("ridge", x, y)
    np.testing.assert_allclose(ours.coef_, oracle.coef_, atol=1e-9)
    np.testing.assert_allclose(ours.intercept_, oracle.intercept_, atol=1e-9)


def test_no_penalty_is_least_squares_of_least_norm():
    x, y = data(**WIDE)
    expected, *_ = np.linalg.lstsq(x - x.mean(axis=0), y - y.mean(axis=0), rcond=None)
    ours = MultiTaskRegressor(None, tol=1e-13).fit(x, y)
    np.testing.assert_allclose(ours.coef_, expected.T, atol=1e-6)


def test_a_path_equals_scikit_learns():
    x, y = data()
    ratios = [0.5, 0.1, 0.02]
    found = path(x, y, "l21", ratios=ratios, tol=1e-12)
    centered = x - x.mean(axis=0), y - y.mean(axis=0)
    alphas = np.array(ratios) * found.strengths[0] / found.ratios[0]
    _, coefs, _ = linear_model.lasso_path(*centered, alphas=alphas, **TIGHT)
    np.testing.assert_allclose(np.moveaxis(coefs, -1, 0), found.coefs, atol=1e-6)


def test_lambda_max_is_scikit_learns_alpha_max():
    x, y = data()
    largest = path(x, y, "l21", ratios=[1.0]).strengths[0]
    gradient = (x - x.mean(axis=0)).T @ (y - y.mean(axis=0)) / len(x)
    np.testing.assert_allclose(largest, np.linalg.norm(gradient, axis=1).max())


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_ridge_equals_logistic_regression(classes):
    x, y = data()
    labels = np.digitize(y[:, 0], np.quantile(y[:, 0], np.arange(1, classes) / classes))
    oracle = linear_model.LogisticRegression(
        C=1 / (ALPHA * len(x)), tol=1e-10, max_iter=10_000
    ).fit(x, labels)
    ours = MultiTaskClassifier("l2", strength=ALPHA, tol=1e-10).fit(x, labels)
    np.testing.assert_allclose(ours.coef_, oracle.coef_, atol=1e-5)
    np.testing.assert_allclose(
        ours.predict_proba(x), oracle.predict_proba(x), atol=1e-5
    )


def test_logistic_lasso_equals_liblinear():
    x, y = data()
    x = x - x.mean(axis=0)
    labels = (y[:, 0] > np.median(y[:, 0])).astype(int)
    strength = 0.05
    oracle = linear_model.LogisticRegression(
        l1_ratio=1.0,
        solver="saga",
        C=1 / (strength * len(x)),
        tol=1e-10,
        max_iter=100_000,
        fit_intercept=False,
    ).fit(x, labels)
    ours = MultiTaskClassifier(
        "l1", strength=strength, tol=1e-10, fit_intercept=False
    ).fit(x, labels)
    np.testing.assert_allclose(ours.coef_, oracle.coef_, atol=1e-5)
