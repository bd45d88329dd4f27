import numpy as np
import pytest

from polytask.lab.metrics.error_reduction import error_reduction
from polytask.lab.reliability import calibration_error, reliability


def test_the_bins_are_those_of_scikit_learn():
    from sklearn.calibration import calibration_curve

    random = np.random.default_rng(0)
    p = random.uniform(size=200)
    y = (random.uniform(size=200) < p).astype(float)
    observed, predicted = calibration_curve(y, p, n_bins=10)
    found = reliability(y, p)
    assert [one.observed for one in found] == pytest.approx(observed)
    assert [one.predicted for one in found] == pytest.approx(predicted)
    assert sum(one.rows for one in found) == 200


def test_of_several_classes_the_predicted_one_counts():
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.65, 0.25], [0.5, 0.3, 0.2]])
    found = reliability(np.array([0, 2, 0]), p)
    assert [(one.place, one.rows, one.observed) for one in found] == [
        (5, 1, 1.0),
        (6, 1, 0.0),
        (7, 1, 1.0),
    ]
    assert calibration_error(np.array([0, 2, 0]), p) == pytest.approx(1.45 / 3)


def test_a_weight_of_two_is_the_row_twice():
    y, p = np.array([0.0, 1.0, 1.0]), np.array([0.33, 0.38, 0.9])
    twice = calibration_error(np.append(y, 1.0), np.append(p, 0.38))
    assert calibration_error(y, p, np.array([1.0, 2.0, 1.0])) == pytest.approx(twice)


def test_the_error_that_is_gone_is_a_share_of_what_the_baseline_left():
    higher = {"a": True, "b": False}
    assert error_reduction({"a": 0.95, "b": 1.0}, {"a": 0.9, "b": 2.0}, higher) == (
        pytest.approx(50)
    )
    assert np.isnan(error_reduction({"a": 0.9}, {"a": 1.0}, {"a": True}))
