"""Trials as lanes: what each would have come to alone."""

import keras
import numpy as np
import pytest

from polytask.lab.studies.load_data import load_data
from polytask.lab.studies.search.space import Candidate
from polytask.lab.studies.search.trials import Trial, TrialGroup, groups
from polytask.lab.studies.structure import values_of
from polytask_options import Budget, Network, Settings
from tests.lab.studies.search.test_run_search import tiny_search

NETWORK = Network(trunk=(8,), towers=(4,))


def trial(number, rate, task="", **settings):
    budget = Budget(epochs=2, batch_size=16, learning_rate=rate, patience=2)
    return Trial(task, number, 0, Candidate(NETWORK, budget, Settings(**settings)))


def test_trials_of_one_structure_are_one_group_and_others_are_not():
    alike = [trial(0, 0.1, l1=1e-3), trial(1, 0.2), trial(0, 0.1, "sick", l2=0.1)]
    other = trial(2, 0.1, balancer={"name": "pcgrad"})
    found = groups([*alike, other], None, {}, lanes=True)
    sizes = [2 + 1, 1] if keras.backend.backend() == "jax" else [1] * 4
    assert [len(group.trials) for group in found] == sizes


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="lanes are of JAX")
def test_a_lane_has_the_curve_of_the_trial_alone(tmp_path):
    dataset, _ = load_data(tiny_search(tmp_path).data)
    weights = {"sick": 0.5, "score": 1.5}
    trials = [
        trial(0, 0.01, l1=1e-2, loss_weights=weights),
        trial(1, 0.1, loss_weights=weights),
        trial(0, 0.05, "score", l1=1e-3),
    ]
    values = values_of(Settings(l1=1.0, loss_weights=weights), single=False)

    def curves(group):
        found = []
        group.train(dataset, lambda *_: None, lambda _, one: found.append(one.numbers))
        return found

    # A program that knows no weights is no program for trials that have some.
    plain = values_of(Settings(l1=1.0), single=False)
    curves(TrialGroup([trial(2, 0.01), trial(3, 0.1)], None, plain, lanes=3))
    together = curves(TrialGroup(trials, None, values, lanes=3))
    alone = [curves(TrialGroup([one], None))[0] for one in trials]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)
