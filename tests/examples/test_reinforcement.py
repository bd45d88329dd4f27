"""The examples in reinforcement learning run from one command, and continue."""

import importlib
import itertools
import json
import sys

import keras
import numpy as np
import pytest
from scipy import stats

from polytask import UserError
from tests.helpers.program_modules import modules_of


@pytest.fixture
def loaded():
    """Import the example's modules, which are scripts beside each other."""
    with modules_of("examples/reinforcement"):
        yield importlib.import_module


@pytest.mark.slow
@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="the examples run on JAX, whatever is set"
)
@pytest.mark.parametrize(
    ("script", "needs", "agents"),
    [
        ("control", "gymnasium", 4),
        ("grids", "minigrid", 5),
        ("imitation", "metaworld", 2),
    ],
)
def test_one_command_trains_stores_and_shows_and_a_second_only_shows(
    loaded, capsys, tmp_path, script, needs, agents
):
    pytest.importorskip(needs, reason="the extra rl is not installed")
    command = ["--quick", "--out", str(tmp_path)]
    loaded(script).main(command)
    printed = capsys.readouterr().out
    records = sorted((tmp_path / "runs").glob("*.json"))
    assert len(records) == agents
    assert printed.count("seed 0:") == agents
    for file in records:
        record = json.loads(file.read_text("utf-8"))
        assert record["seconds"] > 0
        assert record["parameters"] > 0
    assert "<table" in (tmp_path / "report.html").read_text("utf-8")
    loaded(script).main(command)
    assert "seed 0:" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "module"), [("environments", "gymnasium"), ("demonstrations", "metaworld")]
)
def test_without_the_extra_one_message_names_it(monkeypatch, loaded, file, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf"no module {module}.*polytask\[rl\]"):
        loaded(file)


def test_probabilities_of_actions_are_those_of_scipy(loaded):
    policies = loaded("policies")
    parameters = np.array([[0.3, -1.0], [2.0, 0.2]])
    gaussian = stats.norm(parameters[:, 0], np.exp(parameters[:, 1]))
    actions = np.array([[0.5], [-1.0]])
    one = policies.Gaussian()
    np.testing.assert_allclose(
        one.log_probability(np, parameters, actions), gaussian.logpdf(actions[:, 0])
    )
    np.testing.assert_allclose(one.entropy(np, parameters), gaussian.entropy())
    some = policies.Categorical(2)
    shares = np.exp(parameters) / np.exp(parameters).sum(axis=1, keepdims=True)
    found = some.log_probability(np, parameters, np.array([1, 0]))
    np.testing.assert_allclose(found, np.log(shares[[0, 1], [1, 0]]))
    entropy = stats.entropy(shares, axis=1)
    np.testing.assert_allclose(some.entropy(np, parameters), entropy)


def test_advantages_are_the_weighted_sum_over_all_horizons(loaded):
    random = np.random.default_rng(0)
    rewards, values, following = random.normal(size=(3, 6, 1))
    ended = np.array([0, 0, 1, 0, 0, 0], bool)[:, None]
    found = loaded("policies").advantage_estimates(
        rewards, values, following, ended, discount=0.9, trace=0.7
    )
    errors = (rewards + 0.9 * following - values)[:, 0]
    for step in range(6):
        end = 3 if step < 3 else 6
        expected = sum(0.63**k * e for k, e in enumerate(errors[step:end]))
        np.testing.assert_allclose(found[step, 0], expected)


def test_the_interval_is_that_of_every_bootstrap_sample(loaded):
    intervals = loaded("intervals")
    scores = np.array([[0.1, 0.9, 0.5], [0.4, 0.7, 0.2]])
    assert intervals.interquartile_mean(scores) == pytest.approx(0.45)
    # Two seeds of three tasks: 4 samples of each task, all of them alike.
    drawn = [
        [scores[[a, b], task] for task, (a, b) in enumerate(picks)]
        for picks in itertools.product(itertools.product(range(2), repeat=2), repeat=3)
    ]
    means = [stats.trim_mean(np.ravel(sample), 0.25) for sample in drawn]
    expected = np.percentile(means, [5, 95])
    found = intervals.bootstrap_interval(scores, level=0.9, draws=20_000)
    np.testing.assert_allclose(found, expected, atol=0.02)
