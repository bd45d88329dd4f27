"""Experiments: stored runs, resumption, Δm and the gap."""

import math

import pytest

from polytask.errors import UserError
from polytask.lab.studies import Experiment, Outcome
from polytask.lab.studies.schema import SUMMARY_FILE, read_stored
from polytask.lab.studies.summary_schema import Summary

TASKS = {"click": "auc", "rating": "rmse"}


def outcome(auc, rmse, train_auc=None, train_rmse=None):
    scores = {"test": {"click": {"auc": auc}, "rating": {"rmse": rmse}}}
    if train_auc is not None:
        scores["train"] = {"click": {"auc": train_auc}, "rating": {"rmse": train_rmse}}
    return Outcome(scores)


def test_a_stored_run_is_not_trained_again(tmp_path):
    calls = []

    def train():
        calls.append(1)
        return outcome(0.75, 1.0)

    Experiment(tmp_path, TASKS, {"rows": 5}).run("a/b: c", 3, train)
    again = Experiment(tmp_path, TASKS, {"rows": 5})
    assert again.run("a/b: c", 3, train).value("test", "click", "auc") == 0.75
    assert len(calls) == 1
    assert list(again.outcomes()) == ["a/b: c"]
    assert list(again.outcomes()["a/b: c"]) == [3]


def test_an_interrupted_run_leaves_nothing_and_is_trained_next_time(tmp_path):
    experiment = Experiment(tmp_path, TASKS, {})

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        experiment.run("plain", 0, stop)
    assert experiment.outcomes() == {}
    experiment.run("plain", 0, lambda: outcome(0.5, 1.0))
    assert experiment.outcomes()["plain"][0].value("test", "rating", "rmse") == 1.0


def test_delta_m_is_paired_by_seed_and_relative_to_the_mean_of_the_baseline(tmp_path):
    experiment = Experiment(tmp_path, TASKS, {})
    for seed, (base, ours) in enumerate([(0.7, 0.77), (0.8, 0.84), (0.9, 0.93)]):
        experiment.run("single", seed, lambda b=base: outcome(b, 2.0))
        experiment.run("shared", seed, lambda o=ours: outcome(o, 1.8))
    found = experiment.summary("single")["shared"].delta_m
    seeds = [50 * (gain / 0.8 + 0.1) for gain in (0.07, 0.04, 0.03)]
    mean = sum(seeds) / 3
    spread = math.sqrt(sum((s - mean) ** 2 for s in seeds) / 2)
    assert found.mean == pytest.approx(mean)
    # The 97.5 % point of Student's distribution with two degrees of freedom.
    assert found.high - mean == pytest.approx(4.302653 * spread / math.sqrt(3), 1e-6)


def test_the_baseline_beside_itself_is_no_comparison(tmp_path):
    experiment = Experiment(tmp_path, TASKS, {}, baseline="single")
    for seed, ours in enumerate((0.77, 0.84, 0.94)):
        experiment.run("single", seed, lambda: outcome(0.7, 2.0))
        experiment.run("shared", seed, lambda o=ours: outcome(o, 1.8))
    experiment.write_tables()
    summary = read_stored(tmp_path / SUMMARY_FILE, Summary)
    assert summary.comparisons == 1
    shared, single = summary.delta_m["shared"], summary.delta_m["single"]
    assert shared.p_adjusted == shared.p_value < 0.05
    assert (single.mean, single.p_value, single.p_adjusted) == (0.0, None, None)


def test_the_gap_is_positive_where_training_looks_better_than_test(tmp_path):
    experiment = Experiment(tmp_path, TASKS, {})
    experiment.run("plain", 0, lambda: outcome(0.8, 2.0, 0.88, 1.5))
    summary = experiment.summary("plain")["plain"]
    assert summary.gap.mean == pytest.approx(50 * (0.08 / 0.8 + 0.5 / 2.0))
    assert summary.delta_m.mean == 0


def test_an_undefined_metric_is_kept_as_undefined(tmp_path):
    experiment = Experiment(tmp_path, TASKS, {})
    experiment.run("plain", 0, lambda: outcome(0.8, 2.0))
    experiment.run("other", 0, lambda: outcome(math.nan, 2.0))
    assert math.isnan(experiment.summary("plain")["other"].delta_m.mean)


def test_a_baseline_of_zero_has_no_relative_change(tmp_path):
    experiment = Experiment(tmp_path, TASKS, {})
    experiment.run("plain", 0, lambda: outcome(0.0, 2.0))
    experiment.run("other", 0, lambda: outcome(0.5, 2.0))
    other = experiment.summary("plain")["other"]
    assert math.isnan(other.delta_m.mean)
    assert other.metrics["click"].mean == 0.5


def test_other_settings_are_refused_and_named(tmp_path):
    Experiment(tmp_path, TASKS, {"network": {"units": 64}})
    with pytest.raises(UserError, match=r"settings.network.units = 64; now it is 32"):
        Experiment(tmp_path, TASKS, {"network": {"units": 32}})


def test_wrong_use_is_refused_with_what_is_accepted(tmp_path):
    with pytest.raises(UserError, match=r'higher "fancy" is better'):
        Experiment(tmp_path / "a", {"click": "fancy"}, {})
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        Experiment(tmp_path / "file", TASKS, {})
    with pytest.raises(UserError, match="at least one task"):
        Experiment(tmp_path / "b", {}, {})
    experiment = Experiment(tmp_path / "c", TASKS, {})
    with pytest.raises(UserError, match=r'no rmse of task "rating"'):
        experiment.run("x", 0, lambda: Outcome({"test": {"click": {"auc": 0.5}}}))
    with pytest.raises(UserError, match=r"Stored: none"):
        experiment.summary("x")
    experiment.run("x", 0, lambda: outcome(0.5, 1.0))
    next((tmp_path / "c" / "runs").iterdir()).write_text("{")
    with pytest.raises(UserError, match=r"x--seed0.json is damaged"):
        experiment.outcomes()
