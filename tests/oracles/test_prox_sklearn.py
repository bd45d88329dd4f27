"""Linear models fitted with our proxes, against scikit-learn's solvers."""

import numpy as np
import pytest
from keras import ops
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    MultiTaskElasticNet,
    MultiTaskLasso,
)

from polytask import regularizers

N, D, T = 50, 8, 3
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(N, D))
TRUTH = GENERATOR.normal(size=(D, T)) * (np.arange(D)[:, None] < 3)
Y = X @ TRUTH + 0.5 * GENERATOR.normal(size=(N, T))
GRADIENT_AT_ZERO = (-X.T @ Y).astype("float32")


def fit(penalty, target):
    """Minimize ½‖XW − Y‖² + Ω(W) by accelerated proximal gradient."""
    step = 1 / np.linalg.norm(X, 2) ** 2
    w = ahead = np.zeros((D, target.shape[1]))
    for k in range(150):
        gradient = X.T @ (X @ ahead - target)
        moved = (ahead - step * gradient).astype("float32")
        new = ops.convert_to_numpy(penalty.prox(moved, step)).astype("float64")
        ahead, w = new + k / (k + 3) * (new - w), new
    return w


def residual(penalty, w, target):
    gradient = X.T @ (X @ w - target)
    return float(
        penalty.distance_to_optimality(w.astype("float32"), gradient.astype("float32"))
    )


def assert_same(penalty, ours, theirs):
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_array_equal(ours == 0, theirs == 0)
    assert residual(penalty, theirs, Y[:, : ours.shape[1]]) < 1e-3


def test_l1_gives_the_lasso_and_its_zeros():
    alpha = 0.2
    oracle = Lasso(alpha=alpha, fit_intercept=False, tol=1e-12).fit(X, Y[:, 0])
    penalty = regularizers.L1(N * alpha)
    assert_same(penalty, fit(penalty, Y[:, :1]), oracle.coef_[:, None])


def test_elastic_net_equals_scikit_learn():
    alpha, ratio = 0.2, 0.6
    oracle = ElasticNet(alpha=alpha, l1_ratio=ratio, fit_intercept=False, tol=1e-12)
    oracle.fit(X, Y[:, 0])
    penalty = regularizers.ElasticNet(N * alpha * ratio, N * alpha * (1 - ratio))
    assert_same(penalty, fit(penalty, Y[:, :1]), oracle.coef_[:, None])


def test_l21_gives_the_multi_task_lasso_and_its_zero_rows():
    alpha = 0.3
    oracle = MultiTaskLasso(alpha=alpha, fit_intercept=False, tol=1e-12).fit(X, Y)
    penalty = regularizers.L21(N * alpha)
    found = fit(penalty, Y)
    assert_same(penalty, found, oracle.coef_.T)
    assert np.sum(np.all(found == 0, axis=1)) > 0


def test_l21_on_an_identity_design_is_the_published_example():
    v = np.array([[3.0, 4.0], [0.3, 0.4], [-6.0, 8.0]])
    oracle = MultiTaskLasso(alpha=1 / 3, fit_intercept=False, tol=1e-12)
    oracle.fit(np.eye(3), v)
    found = regularizers.L21(1.0).prox(v.astype("float32"), 1.0)
    np.testing.assert_allclose(ops.convert_to_numpy(found), oracle.coef_.T, atol=1e-6)


def test_l21_with_ridge_equals_the_multi_task_elastic_net():
    alpha, ratio = 0.3, 0.7
    oracle = MultiTaskElasticNet(
        alpha=alpha, l1_ratio=ratio, fit_intercept=False, tol=1e-12
    ).fit(X, Y)
    penalty = regularizers.TemporalGroupLasso(
        N * alpha * ratio, smoothness=0.0, ridge=N * alpha * (1 - ratio)
    )
    assert_same(penalty, fit(penalty, Y), oracle.coef_.T)


@pytest.mark.parametrize(
    "penalty",
    [
        regularizers.L1(1.0),
        regularizers.L21(1.0),
        regularizers.L1Inf(1.0),
        regularizers.TraceNorm(1.0),
        regularizers.SparseGroupLasso(1.0),
        regularizers.Dirty(1.0, private=0.5),
    ],
    ids=lambda penalty: type(penalty).__name__,
)
def test_lambda_max_is_the_strength_at_which_the_fit_vanishes(penalty):
    critical = float(penalty.lambda_max(GRADIENT_AT_ZERO))
    assert np.all(fit(penalty.rescaled(1.001 * critical), Y) == 0)
    assert np.any(fit(penalty.rescaled(0.99 * critical), Y) != 0)


def test_mean_regularization_moves_from_independent_to_pooled_fits():
    independent = np.linalg.lstsq(X, Y, rcond=None)[0]
    pooled = np.linalg.lstsq(X, Y.mean(axis=1), rcond=None)[0]
    loose = fit(regularizers.MeanRegularized(1e-6), Y)
    tight = fit(regularizers.MeanRegularized(1e7), Y)
    np.testing.assert_allclose(loose, independent, atol=1e-4)
    np.testing.assert_allclose(tight, np.tile(pooled[:, None], T), atol=1e-3)
