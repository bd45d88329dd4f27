import math

import pytest

from polytask.errors import UserError
from polytask.lab.metrics import delta_m


def test_delta_m_by_hand():
    values = {"auc": 0.88, "rmse": 1.8, "accuracy": 0.5}
    baselines = {"auc": 0.80, "rmse": 2.0, "accuracy": 0.4}
    better = {"auc": True, "rmse": False, "accuracy": True}
    assert delta_m(values, baselines, better) == pytest.approx((10 + 10 + 25) / 3)


def test_delta_m_divides_by_the_size_of_a_negative_baseline():
    assert delta_m({"r2": -0.1}, {"r2": -0.2}, {"r2": True}) == pytest.approx(50)


def test_delta_m_over_seeds_equals_delta_m_of_the_means():
    tasks, better = ("a", "b"), {"a": True, "b": False}
    ours = [{"a": 0.9, "b": 1.0}, {"a": 0.7, "b": 1.4}]
    base = [{"a": 0.8, "b": 1.1}, {"a": 0.6, "b": 1.5}]
    mean = {t: sum(row[t] for row in base) / 2 for t in tasks}
    seeds = [delta_m(o, b, better, mean) for o, b in zip(ours, base, strict=True)]
    means = {t: sum(row[t] for row in ours) / 2 for t in tasks}
    assert sum(seeds) / 2 == pytest.approx(delta_m(means, mean, better))


def test_delta_m_of_an_undefined_metric_is_undefined():
    assert math.isnan(delta_m({"a": math.nan}, {"a": 0.5}, {"a": True}))


def test_different_tasks_are_refused():
    with pytest.raises(UserError, match="same tasks"):
        delta_m({"a": 1.0}, {"b": 1.0}, {"a": True})


def test_a_baseline_of_zero_is_refused_with_the_task_named():
    with pytest.raises(UserError, match="'a' is 0"):
        delta_m({"a": 1.0}, {"a": 0.0}, {"a": True})
