from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from polytask.lab.kinds import Task
from polytask.lab.metrics import task_loss
from polytask.lab.studies.calibration import (
    can_be_calibrated,
    sharpened,
    sharpness,
)
from polytask.lab.studies.ensemble import train_members
from polytask.lab.studies.predictor import Predictor
from polytask.lab.studies.train import train
from polytask.lab.tables import from_table
from polytask_options import Budget, Network, Settings

SICK = Task("sick", "binary", ("no", "yes"))
ROLL = Task("roll", "multiclass", ("a", "b", "c"))


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_factor_of_logits_that_are_too_large_or_small_is_found(factor):
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, 20_000)
    y = (random.uniform(size=logits.size) < sigmoid(logits)).astype(float)
    y[:100] = np.nan
    found = sharpness(SICK, y, sigmoid(logits / factor))
    assert found == pytest.approx(factor, rel=0.06)


def test_classes_are_sharpened_as_softmax_scales_logits():
    logits = np.random.default_rng(0).normal(size=(5, 3))

    def softmax(x):
        return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)

    np.testing.assert_allclose(
        sharpened(softmax(logits), 2.5), softmax(2.5 * logits), rtol=1e-6
    )
    np.testing.assert_allclose(
        sharpened(sigmoid(logits[:, 0]), 2.5), sigmoid(2.5 * logits[:, 0]), rtol=1e-6
    )


def test_only_probabilities_of_logits_are_calibrated():
    assert can_be_calibrated(SICK)
    assert can_be_calibrated(ROLL)
    assert not can_be_calibrated(Task("size", "regression"))


@pytest.fixture(scope="module")
def dataset():
    random = np.random.default_rng(0)
    x = random.normal(size=240)
    table = pd.DataFrame({"x": x, "size": x + random.normal(size=240)})
    table["sick"] = np.where(x + random.normal(size=240) > 0, "yes", "no")
    table["roll"] = random.choice(["a", "b", "c"], 240)
    table["pay"] = np.exp(x + random.normal(size=240))
    kinds = {"size": "regression", "sick": "binary", "roll": "multiclass"}
    kinds["pay"] = "positive"
    return from_table(table, kinds)[0]


PLAIN = Budget(epochs=4, learning_rate=0.01)
NETWORK = Network(trunk=(16,), towers=())


@pytest.fixture(scope="module")
def plain(dataset):
    return train(dataset, dataset.tasks, NETWORK, PLAIN, Settings(), seed=0)


@pytest.mark.slow
def test_a_calibrated_network_has_the_smallest_loss_its_logits_allow(dataset, plain):
    budget = replace(PLAIN, calibrate=True)
    scaled = train(dataset, dataset.tasks, NETWORK, budget, Settings(), seed=0)
    rows = dataset.validation
    before = Predictor(rows.x, dataset.tasks)(plain.model)
    after = Predictor(rows.x, dataset.tasks)(scaled.model)
    np.testing.assert_array_equal(after["size"], before["size"])
    for task in filter(can_be_calibrated, dataset.tasks):
        factor = sharpness(task, rows.y[task.name], before[task.name])
        assert factor != pytest.approx(1.0, abs=1e-3)
        expected = sharpened(before[task.name], factor)
        np.testing.assert_allclose(after[task.name], expected, atol=1e-5)
        losses = [
            task_loss(task, rows.y[task.name], part[task.name])
            for part in (after, before)
        ]
        assert losses[0] < losses[1]


@pytest.mark.slow
def test_members_predict_their_mean(dataset, plain):
    budget = replace(PLAIN, members=2)
    both = train_members(dataset, dataset.tasks, NETWORK, budget, Settings(), seed=0)
    first, second = both.model.get_layer("member_0"), both.model.get_layer("member_1")
    predict = Predictor(dataset.test.x, dataset.tasks)
    np.testing.assert_allclose(predict(first)["size"], predict(plain.model)["size"])
    assert not np.allclose(predict(first)["size"], predict(second)["size"])
    together = predict(both.model)
    for task in dataset.tasks:
        parts = predict(first)[task.name], predict(second)[task.name]
        # The network of positive numbers puts out logarithms.
        positive = task.kind == "positive"
        mean = np.sqrt(parts[0] * parts[1]) if positive else sum(parts) / 2
        np.testing.assert_allclose(together[task.name], mean, rtol=1e-5)
    validated = Predictor(dataset.validation.x, dataset.tasks)(both.model)
    for task in dataset.tasks:
        expected = validated[task.name]
        np.testing.assert_allclose(both.validated[task.name], expected, rtol=1e-5)
    assert both.epochs == 8
    measured = {tuple(row[:3]): row[3] for row in both.reached.scores}
    error = dataset.validation.y["size"] - both.validated["size"]
    assert measured["size", "validation", "rmse"] == pytest.approx(
        np.sqrt(np.mean(np.square(error))), rel=1e-5
    )
