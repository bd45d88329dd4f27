"""Rows that lack sources of features: against cvxpy, and what is refused."""

import numpy as np
import pytest

from polytask import UserError
from polytask.linear import (
    IncompleteSources,
    MultiTaskClassifier,
    MultiTaskRegressor,
    MultiTaskRegressorCV,
)

SOURCES = [[0, 1], [2, 3, 4]]


def incomplete(rows=90):
    random = np.random.default_rng(0)
    x = random.standard_normal((rows, 6)) + 1
    y = x @ np.array([1.0, 0.0, 2.0, 0.0, 0.5, -1.0]) + random.standard_normal(rows)
    x[: rows // 3, :2] = np.nan
    x[rows // 3 : rows // 2, 2:5] = np.nan
    return x, y


def test_the_minimum_is_that_of_a_general_solver():
    cvxpy = pytest.importorskip("cvxpy")
    x, y = incomplete()
    model = IncompleteSources(MultiTaskRegressor("l21", strength=0.3, tol=1e-11))
    model.fit(x, y)
    # Column 5, in no source, is there in every row.
    w, b = cvxpy.Variable((3, 6)), cvxpy.Variable(3)
    cost = 0
    for p, pattern in enumerate(model.patterns_):
        rows = (~np.isnan(x) == pattern).all(axis=1)
        columns = np.flatnonzero(pattern)
        residual = x[np.ix_(rows, columns)] @ w[p, columns] + b[p] - y[rows]
        cost += 0.5 * cvxpy.sum_squares(residual) / rows.sum()
    for i in range(6):
        there = np.flatnonzero(model.patterns_[:, i])
        cost += 0.3 * cvxpy.norm(w[there, i])
    cvxpy.Problem(cvxpy.Minimize(cost)).solve(solver="CLARABEL")
    expected = np.where(model.patterns_, w.value, 0.0)
    np.testing.assert_allclose(model.estimator_.coef_, expected, atol=1e-4)
    assert not model.estimator_.coef_[~model.patterns_].any()


def test_no_row_is_dropped_and_each_has_the_model_of_its_sources():
    x, y = incomplete()
    model = IncompleteSources(MultiTaskRegressorCV(cv=3, num_strengths=5), SOURCES)
    model.fit(x, y)
    assert model.patterns_.shape == (3, 6)
    assert model.score(x, y) > 0.5
    for row in (0, 40, 80):
        p = int((model.patterns_ == ~np.isnan(x[row])).all(axis=1).argmax())
        own = np.nan_to_num(x[row]) @ model.estimator_.coef_[p]
        own += model.estimator_.intercept_[p]
        assert model.predict(x[row : row + 1])[0] == pytest.approx(own)


def test_a_pattern_that_is_new_has_the_model_that_needs_most_of_it():
    x, y = incomplete()
    model = IncompleteSources(MultiTaskRegressor(), SOURCES).fit(x[:45], y[:45])
    whole = x[80:81].copy()
    part = whole.copy()
    part[:, :2] = np.nan
    # Of the two models, the one of more columns.
    assert model.predict(whole) == model.predict(part)
    bare = np.full((1, 6), np.nan)
    bare[:, 5] = 1.0
    with pytest.raises(UserError, match=r"Row 0 has too few sources.*columns \[5\]"):
        model.predict(bare)


def test_classes_are_predicted_as_well():
    x, y = incomplete()
    words = np.where(y > np.median(y), "high", "low")
    model = IncompleteSources(MultiTaskClassifier("l21", ratio=0.05), SOURCES)
    assert model.fit(x, words).score(x, words) > 0.8
    assert model.classes_.tolist() == ["high", "low"]
    assert set(model.predict(x[:5])) <= {"high", "low"}


def test_complete_rows_are_one_task():
    x, y = incomplete()
    x, y = x[50:], y[50:]
    alone = MultiTaskRegressor("l21", ratio=0.1).fit(x, y)
    model = IncompleteSources(MultiTaskRegressor("l21", ratio=0.1)).fit(x, y)
    np.testing.assert_allclose(model.predict(x), alone.predict(x))


def holes(row, columns):
    x, y = incomplete()
    x[row, columns] = np.nan
    return x, y


@pytest.mark.parametrize(
    ("inputs", "sources", "message"),
    [
        (holes(60, [3]), SOURCES, r"Source 1 is there in part in row 60.*\[2, 3, 4\]"),
        (holes(60, [5]), SOURCES, "Column 5 is in no source.*it has NaN"),
        (holes(60, slice(None)), None, "Row 60 has no source at all"),
        (incomplete(), [[0, 1], [1, 2]], "each in one source at most"),
        (incomplete(), [[0, 9]], "columns from 0 to 5"),
    ],
)
def test_sources_that_do_not_fit(inputs, sources, message):
    with pytest.raises(UserError, match=message):
        IncompleteSources(MultiTaskRegressor(), sources).fit(*inputs)


def test_several_targets_are_refused():
    x, y = incomplete()
    with pytest.raises(UserError, match=r"one target, a vector; found.*\(90, 2\)"):
        IncompleteSources(MultiTaskRegressor()).fit(x, np.stack([y, y], axis=1))
