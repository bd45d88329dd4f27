"""Wrong input gives one clear message."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from polytask import UserError, regularizers
from polytask.linear import (
    MultiTaskClassifier,
    MultiTaskRegressor,
    MultiTaskRegressorCV,
    path,
)
from tests.helpers.linear_cases import data


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"task_structure": "trace"},
            r'Unknown regularizer "trace". Did you mean "trace',
        ),
        ({"task_structure": "l0"}, "L0 has no exact solver.*trace_norm"),
        ({"task_structure": 3}, "Could not interpret regularizer"),
        ({"strength": -1.0}, "strength must be a finite number, at least 0; found -1"),
        ({"ratio": float("nan")}, "ratio must be a finite number.*nan"),
        ({"strength": 1.0, "ratio": 0.1}, "either strength or ratio"),
        ({"task_weights": "row"}, 'Did you mean "rows"'),
        ({"tol": -1.0}, "tol must be at least 0"),
        ({"tol": "1e-6"}, "tol must be at least 0; found '1e-6'"),
        ({"max_iter": 0}, "max_iter must be at least 1"),
        ({"max_iter": 2.5}, "max_iter must be at least 1; found 2.5"),
        ({"task_structure": "clustered"}, 'needs the option "clusters"'),
        (
            {"task_structure": regularizers.Clustered(9)},
            "clusters=9, but there are only 4 tasks",
        ),
        (
            {"task_structure": regularizers.GraphLaplacian(1.0, edges=[(0, 7)])},
            "position 7; there are 4 tasks",
        ),
        (
            {"task_structure": regularizers.L21(0.0), "ratio": 0.1},
            "the first, strength, is 0",
        ),
        (
            {"task_structure": regularizers.GroupLasso(groups="all")},
            'groups="all" has no meaning',
        ),
    ],
)
def test_options_that_do_not_fit(options, message):
    x, y = data()
    with pytest.raises(UserError, match=message):
        MultiTaskRegressor(**options).fit(x, y)


def test_a_task_without_labels_is_named():
    x, y = data()
    y[:, 2] = np.nan
    with pytest.raises(UserError, match='Task "2" has no labels: all 40 are missing'):
        MultiTaskRegressor().fit(x, y)


def test_lists_that_do_not_match():
    x, y = data()
    with pytest.raises(UserError, match=r"list of 2 tables.*list of 2 vectors.*3"):
        MultiTaskRegressor().fit([x, x], list(y.T)[:3])
    model = MultiTaskRegressor().fit([x, x], list(y.T)[:2])
    with pytest.raises(UserError, match=r"X has 3 tables.*fitted for 2 tasks"):
        model.predict([x, x, x])
    with pytest.raises(ValueError, match="12 features"):
        model.predict([x, x[:, :5]])


def test_a_class_alone_is_refused():
    x, y = data()
    labels = (y > np.median(y)).astype(int)
    labels[:, 1] = 1
    with pytest.raises(UserError, match='Task "1" has only one class, 1'):
        MultiTaskClassifier().fit(x, labels)


def test_a_structure_that_compares_tasks_needs_equally_many_classes():
    x, y = data(tasks=2)
    thirds = np.quantile(y[:, 1], [0.33, 0.67])
    labels = np.stack([y[:, 0] > 4, np.digitize(y[:, 1], thirds)], axis=1).astype(int)
    with pytest.raises(UserError, match="heads of equal width"):
        MultiTaskClassifier("mean_regularized").fit(x, labels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smallest_ratio": 0.0}, "smallest_ratio must be above 0"),
        ({"smallest_ratio": "0.1"}, "smallest_ratio must be above 0"),
        ({"num_strengths": 2.5}, "num_strengths must be a whole number.*found 2.5"),
        ({"num_strengths": "3"}, "num_strengths must be a whole number.*found '3'"),
        ({"ratios": [0.1, np.inf]}, "ratios must be finite"),
        ({"ratios": ["half"]}, r"ratios must be finite numbers.*found \['half'\]"),
    ],
)
def test_grids(options, message):
    x, y = data()
    with pytest.raises(UserError, match=message):
        path(x, y, **options)


def test_folds():
    x, y = data()
    with pytest.raises(UserError, match="cv must be an integer, at least 2"):
        MultiTaskRegressorCV(cv=1).fit(x, y)
    with pytest.raises(UserError, match="Cannot split n_samples=3 of table 1"):
        MultiTaskRegressorCV().fit([x, x[:3]], [y[:, 0], y[:3, 1]])


@pytest.mark.parametrize("estimator", [MultiTaskRegressor, MultiTaskClassifier])
def test_a_task_without_labels_has_no_score(estimator):
    x, y = data()
    labels = (y > np.median(y, axis=0)).astype(float)
    model = estimator(ratio=0.1).fit(x, labels)
    labels[:, 1] = np.nan
    with pytest.raises(UserError, match="Task 1 has no labels: all"):
        model.score(x, labels)


def test_too_few_iterations_warn():
    x, y = data()
    with pytest.warns(ConvergenceWarning, match="stopped after 10 iterations"):
        MultiTaskRegressor("trace_norm", tol=1e-14, max_iter=10).fit(x, y)
