"""Classification of several tasks."""

import numpy as np
import pandas as pd
import pytest

from polytask.linear import MultiTaskClassifier, supported
from tests.helpers.linear_cases import data, structure

# Large weights cost these so little that weak ones let separable classes drive weights
# to infinity.
FORGIVING = ("capped_l1", "capped_rows", "log_sum", "mcp", "scad")


def binary(tasks=3):
    x, y = data(examples=60, tasks=tasks)
    return x, (y > np.median(y, axis=0)).astype(float)


@pytest.mark.parametrize("name", supported())
def test_every_structure_learns_and_reports_its_residual(name):
    x, y = binary()
    ratio = 0.3 if name in FORGIVING else 0.02
    model = MultiTaskClassifier(structure(name), ratio=ratio, tol=1e-5).fit(x, y)
    assert model.score(x, y) > 0.75
    assert 0 <= model.kkt_residual_ < 1e-3


@pytest.mark.parametrize("name", ["l1", "l21", "l1_inf", "trace_norm", "dirty"])
def test_all_weights_are_zero_from_lambda_max_on(name):
    x, y = binary()
    x, y = x[:50], y[:50]
    above = MultiTaskClassifier(structure(name), ratio=1.001, tol=1e-9).fit(x, y)
    assert not above.coef_.any()
    odds = np.log(y.mean(axis=0) / (1 - y.mean(axis=0)))
    np.testing.assert_allclose(above.intercept_, odds, atol=1e-6)
    below = MultiTaskClassifier(structure(name), ratio=0.95, tol=1e-9).fit(x, y)
    assert below.coef_.any()


def test_missing_labels_equal_dropped_rows():
    x, y = binary()
    y[::3, 0] = np.nan
    y[1::4, 2] = np.nan
    known = ~np.isnan(y)
    holes = MultiTaskClassifier("l21", ratio=0.1, tol=1e-10).fit(x, y)
    lists = MultiTaskClassifier("l21", ratio=0.1, tol=1e-10).fit(
        [x[known[:, t]] for t in range(3)], [y[known[:, t], t] for t in range(3)]
    )
    np.testing.assert_allclose(holes.coef_, lists.coef_, atol=1e-6)
    np.testing.assert_allclose(holes.intercept_, lists.intercept_, atol=1e-6)


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA])
def test_missing_labels_among_words_are_none_nan_or_na(nothing):
    x, y = binary()
    words = np.where(y > 0, "yes", "no").astype(object)
    words[::5, 1] = nothing
    model = MultiTaskClassifier("l21", ratio=0.05).fit(x, words)
    assert [list(c) for c in model.classes_] == [["no", "yes"]] * 3
    assert set(np.unique(model.predict(x))) == {"no", "yes"}


def test_tasks_may_have_different_numbers_of_classes():
    x, y = data(examples=60, tasks=2)
    quarters = np.quantile(y[:, 1], [0.25, 0.5, 0.75])
    labels = np.stack(
        [y[:, 0] > np.median(y[:, 0]), np.digitize(y[:, 1], quarters)], axis=1
    ).astype(int)
    model = MultiTaskClassifier("l21", ratio=0.1).fit(x, labels)
    first, second = model.predict_proba(x)
    assert (first.shape, second.shape) == ((60, 2), (60, 4))
    np.testing.assert_allclose(second.sum(axis=1), 1.0)
    used = (model.coef_ != 0).reshape(5, -1)
    assert (used.any(axis=0) == used.all(axis=0)).all()
    assert model.score(x, labels) > 0.6


def test_tasks_of_equal_classes_are_pulled_together():
    x, y = data(examples=60, tasks=2)
    labels = np.stack(
        [np.digitize(column, np.quantile(column, [0.33, 0.67])) for column in y.T],
        axis=1,
    )
    model = MultiTaskClassifier("mean_regularized", strength=1e4, tol=1e-9)
    first, second = np.split(model.fit(x, labels).coef_, 2)
    np.testing.assert_allclose(first, second, atol=1e-3)
    assert np.abs(first).max() > 0.01


def test_lists_give_lists():
    x, y = binary()
    model = MultiTaskClassifier("l21").fit(
        [x, x[:40], x[:50]], [y[:, 0], y[:40, 1], y[:50, 2]]
    )
    found = model.predict([x, x[:5], x[:7]])
    assert [len(v) for v in found] == [60, 5, 7]
    assert model.predict(x).shape == (60, 3)
    assert model.decision_function(x).shape == (60, 3)
