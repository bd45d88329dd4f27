"""Rows that count more than others, in training."""

import numpy as np
import pandas as pd
import pytest

from polytask.lab.studies.batches import Batches
from polytask.lab.studies.train import train
from polytask.lab.tables import from_table
from polytask_options import Budget, Network, Settings


@pytest.fixture(scope="module")
def dataset():
    """Two lines: y = x of weight 1, and y = -x of weight 0.01, in twice the rows."""
    x = np.random.default_rng(0).normal(size=240)
    light = np.arange(240) % 3 > 0
    frame = pd.DataFrame({"x": x, "w": np.where(light, 0.01, 1.0)})
    frame["y"] = np.where(light, -x, x)
    return from_table(frame, ["y:regression"], weight="w")[0]


@pytest.mark.slow
def test_training_and_the_choice_of_the_epoch_follow_the_weights(dataset):
    budget = Budget(epochs=30, batch_size=16, learning_rate=0.02, refit=True)
    trained = train(dataset, dataset.tasks, Network((8,), ()), budget, Settings(), 0)
    scores = {(split, name): value for _, split, name, value in trained.reached.scores}
    # Without weights the light rows win: they are two of three.
    assert scores["test", "r2"] > 0.8
    assert trained.criterion < 0.2


def test_a_batch_brings_the_weights_of_its_rows(dataset):
    batches = Batches(dataset.train, dataset.tasks, 16, seed=0)
    x, _, weights = batches[0]
    place = {float(value): row for row, value in enumerate(dataset.train.x[:, 0])}
    expected = [dataset.train.weights[place[float(value)]] for value in x[:, 0]]
    np.testing.assert_allclose(weights["y"], expected, rtol=1e-6)
    assert len(set(expected)) == 2
