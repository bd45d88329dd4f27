"""Paths and cross-validation."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import TimeSeriesSplit

from polytask.errors import UserError
from polytask.linear import MultiTaskRegressor, MultiTaskRegressorCV, path
from tests.helpers.linear_cases import SPLIT, as_lists, data, structure, with_missing

NAMES = ["l21", "l1", "elastic_net", "trace_norm", "mean_regularized", *SPLIT]


@pytest.mark.parametrize("name", NAMES)
def test_every_point_of_a_path_equals_a_cold_fit(name):
    x, y = data()
    found = path(x, y, structure(name), ratios=[0.5, 0.1, 0.02], tol=1e-9)
    assert found.converged.all()
    for k, ratio in enumerate(found.ratios):
        cold = MultiTaskRegressor(structure(name), ratio=ratio, tol=1e-9).fit(x, y)
        assert found.strengths[k] == pytest.approx(cold.strength_)
        np.testing.assert_allclose(found.coefs[k], cold.coef_, atol=1e-4)
        np.testing.assert_allclose(found.intercepts[k], cold.intercept_, atol=1e-3)


def test_a_path_falls_from_lambda_max_and_reports_its_certificates():
    x, y = data()
    found = path(*as_lists(x, with_missing(y)), num_strengths=5, smallest_ratio=0.1)
    np.testing.assert_allclose(found.ratios, np.geomspace(1, 0.1, 5))
    assert not found.coefs[0].any()
    assert (np.diff((found.coefs != 0).any(axis=1).sum(axis=1)) >= 0).all()
    assert (found.dual_gaps <= 1e-6 * 0.5 * np.nanvar(y, axis=0).sum() * 2).all()


def test_a_path_may_end_without_penalty():
    x, y = data()
    found = path(x, y, structure("dirty"), ratios=[0.1, 0.0], tol=1e-9)
    free = MultiTaskRegressor(None, tol=1e-12).fit(x, y)
    np.testing.assert_allclose(found.coefs[1], free.coef_, atol=1e-6)


def test_more_features_than_examples():
    x, y = data(examples=30, features=300)
    found = path(x, y, num_strengths=8, smallest_ratio=0.005, tol=1e-7)
    assert found.converged.all()
    assert (found.coefs[-1] != 0).any(axis=0).sum() > 30


def test_cross_validation_finds_that_noise_needs_all_the_penalty():
    random = np.random.default_rng(0)
    x, y = random.standard_normal((60, 20)), random.standard_normal((60, 3))
    model = MultiTaskRegressorCV("l21", num_strengths=8).fit(x, y)
    assert model.ratio_ > 0.3
    assert model.cv_errors_.shape == (8, 5)


def test_cross_validation_refits_with_the_ratio_it_chose():
    x, y = data()
    y = with_missing(y)
    for inputs in ((x, y), as_lists(x, y)):
        model = MultiTaskRegressorCV("l21", num_strengths=6, tol=1e-9).fit(*inputs)
        best = model.ratios_[model.cv_errors_.mean(axis=1).argmin()]
        plain = MultiTaskRegressor("l21", ratio=model.ratio_, tol=1e-9).fit(*inputs)
        assert model.ratio_ == pytest.approx(best, rel=2)
        np.testing.assert_allclose(model.coef_, plain.coef_)
        assert "ratio" not in clone(model).get_params()


def test_cross_validation_is_reproducible():
    x, y = data()
    first, second = (
        MultiTaskRegressorCV("l21", num_strengths=4).fit(x, y) for _ in range(2)
    )
    np.testing.assert_array_equal(first.cv_errors_, second.cv_errors_)


def test_folds_fit_the_rows_that_a_splitter_says_and_no_others():
    x, y = data()
    cv = TimeSeriesSplit(3)
    search = MultiTaskRegressorCV("l21", ratios=[0.1], cv=cv).fit(x, y)
    by_hand = []
    for fit, held_out in cv.split(x):
        model = MultiTaskRegressor("l21", ratio=0.1).fit(x[fit], y[fit])
        by_hand.append(np.square(model.predict(x[held_out]) - y[held_out]).mean())
    np.testing.assert_allclose(search.cv_errors_[0], by_hand, rtol=1e-4)
    rows = list(cv.split(x))
    again = MultiTaskRegressorCV("l21", ratios=[0.1], cv=rows).fit(x, y)
    np.testing.assert_array_equal(search.cv_errors_, again.cv_errors_)


def test_every_label_held_out_counts_alike_however_few_a_fold_has():
    random = np.random.default_rng(0)
    x = random.standard_normal((40, 3))
    y = x[:, :1] + 0.3 * random.standard_normal((40, 1))
    y[:20] = np.nan
    y[0] = -6 * np.sign(x[0, 0])
    # The first fold holds out that odd label alone, the second ten labels.
    rows = np.arange(40)
    cv = [(rows[20:], rows[:20]), (np.append(rows[20:30], 0), rows[30:])]
    model = MultiTaskRegressorCV("l21", ratios=[1.0, 0.5, 0.01], cv=cv).fit(x, y)
    total = model.cv_errors_ @ [1, 10]
    assert model.ratio_ == model.ratios_[np.argmin(total)]
    assert np.argmin(total) != np.argmin(model.cv_errors_ @ [20, 10])


def test_folds_that_hold_out_no_label_are_refused():
    x = np.random.default_rng(0).standard_normal((10, 2))
    y = np.where(np.arange(10) < 5, x[:, 0], np.nan)
    cv = [(np.arange(5), np.arange(5, 10))]
    with pytest.raises(UserError, match="None of the 1 folds"):
        MultiTaskRegressorCV(cv=cv).fit(x, y)


def test_a_vector_of_labels_is_predicted_for_a_table_and_for_a_list_of_one():
    x, y = data()
    model = MultiTaskRegressor("l21", ratio=0.1).fit(x, y[:, 0])
    (predicted,) = model.predict([x])
    np.testing.assert_allclose(predicted, model.predict(x))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("structure", ["l21", "l1"])
def test_a_tolerance_of_zero_goes_as_far_as_the_iterations(structure):
    x, y = data()
    exact = MultiTaskRegressor(structure, tol=0.0, max_iter=200).fit(x, y)
    near = MultiTaskRegressor(structure, tol=1e-10).fit(x, y)
    assert exact.dual_gap_ <= 1e-12
    np.testing.assert_allclose(exact.coef_, near.coef_, atol=1e-6)
