import pandas as pd
import pytest
from scipy import stats

from polytask.lab.studies import summarize

TASKS = [{"name": "a", "kind": "binary"}, {"name": "b", "kind": "regression"}]
# (model, variant, task) → validation and test values of the two seeds.
VALUES = {
    ("multi-task", "none", "a"): ([0.80, 0.82], [0.80, 0.84]),
    ("multi-task", "none", "b"): ([2.0, 2.0], [1.8, 2.0]),
    ("multi-task", "l1", "a"): ([0.90, 0.90], [0.70, 0.70]),
    ("multi-task", "l1", "b"): ([1.0, 1.0], [3.0, 3.0]),
    ("single-task", "none", "a"): ([0.79, 0.79], [0.80, 0.82]),
    ("single-task", "none", "b"): ([2.5, 2.5], [1.0, 1.0]),
    ("single-task", "l1", "a"): ([0.75, 0.75], [0.99, 0.99]),
    ("single-task", "l1", "b"): ([2.0, 2.2], [2.0, 2.4]),
}


def description(variants=("none", "l1")):
    return {
        "tasks": TASKS,
        "variants": [{"name": name, "settings": {}} for name in variants],
        "seeds": [0, 1],
        "plain": "none",
    }


def results(values=VALUES):
    rows = [
        [variant, model, task, seed, split, metric, value]
        for (model, variant, task), pairs in values.items()
        for split, column in zip(("validation", "test"), pairs, strict=True)
        for seed, value in enumerate(column)
        for metric in ({"a": "auc", "b": "rmse"}[task], "loss")
    ]
    columns = ["variant", "model", "task", "seed", "split", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def test_the_baseline_is_the_best_single_task_variant_on_validation_data():
    summary = summarize(description(), results())
    assert summary["baseline"]["a"] == {
        "variant": "none",
        "metric": "auc",
        "value": pytest.approx(0.81),
    }
    assert summary["baseline"]["b"]["variant"] == "l1"
    assert summary["plain_single_task"]["b"]["value"] == pytest.approx(1.0)


def test_delta_m_and_its_interval_by_hand():
    entry = summarize(description(), results())["delta_m"]["none"]
    seeds = [
        50 * ((0.80 - 0.80) / 0.81 - (1.8 - 2.0) / 2.2),
        50 * ((0.84 - 0.82) / 0.81 - (2.0 - 2.4) / 2.2),
    ]
    assert entry["per_seed"] == pytest.approx(seeds)
    low, high = stats.t.interval(0.95, 1, sum(seeds) / 2, stats.sem(seeds))
    found = (entry["mean"], entry["low"], entry["high"])
    assert found == pytest.approx((sum(seeds) / 2, low, high))


def test_the_best_variant_is_chosen_on_validation_not_on_test_data():
    summary = summarize(description(), results())
    assert summary["best"] == "l1"
    assert summary["delta_m"]["l1"]["mean"] < summary["delta_m"]["none"]["mean"]


def test_an_unfinished_study_gives_what_is_there():
    partial = {key: ([v[0]], [t[0]]) for key, (v, t) in VALUES.items()}
    summary = summarize(description(), results(partial))
    assert summary["delta_m"]["none"]["low"] is None
    assert len(summary["delta_m"]["none"]["per_seed"]) == 1


def test_one_lucky_seed_does_not_make_a_baseline():
    partial = dict(VALUES)
    partial["single-task", "l1", "a"] = ([0.99], [0.99])
    assert summarize(description(), results(partial))["baseline"]["a"]["variant"] == (
        "none"
    )


def test_without_baselines_there_is_no_delta_m_but_a_reason():
    multi = {key: value for key, value in VALUES.items() if key[0] == "multi-task"}
    entry = summarize(description(), results(multi))["delta_m"]["none"]
    assert entry["mean"] is None
    assert "task a has no single-task baseline" in entry["reason"]


def test_an_undefined_metric_gives_a_reason_instead_of_a_number():
    undefined = dict(VALUES)
    undefined["multi-task", "l1", "a"] = ([0.9, 0.9], [0.7, float("nan")])
    summary = summarize(description(), results(undefined))
    assert summary["delta_m"]["l1"]["mean"] is None
    assert "undefined on test data" in summary["delta_m"]["l1"]["reason"]
    assert summary["delta_m"]["none"]["mean"] is not None


def test_a_baseline_of_zero_gives_a_reason():
    zero = dict(VALUES)
    for variant in ("none", "l1"):
        zero["single-task", variant, "b"] = ([0.0, 0.0], [0.0, 0.0])
    reason = summarize(description(), results(zero))["delta_m"]["none"]["reason"]
    assert "baseline of task 'b' is 0" in reason


def test_the_order_of_the_rows_does_not_matter():
    table = results()
    shuffled = table.sample(frac=1, random_state=1)
    assert summarize(description(), table) == summarize(description(), shuffled)
