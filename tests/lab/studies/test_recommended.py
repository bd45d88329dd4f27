from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from polytask.lab.studies.batches import Batches
from polytask.lab.studies.compiled import Beginning, compiled
from polytask.lab.studies.inputs import numeric_columns
from polytask.lab.studies.recommended import (
    EFFORTS,
    estimated_seconds,
    recommended,
)
from polytask.lab.studies.train import train
from polytask.lab.tables import from_table
from polytask.models.initial_values import begin_with
from polytask_options import Budget, Network, Settings

ROWS = 200


@pytest.fixture(scope="module")
def dataset():
    random = np.random.default_rng(0)
    place = random.uniform(-1, 1, ROWS)
    table = pd.DataFrame(
        {
            "place": place,
            "rainy": random.choice(["no", "yes"], ROWS),
            "price": np.sign(np.sin(9 * place)),
            "sold": np.where(place > 0, "yes", "no"),
        }
    )
    return from_table(table, ["price:regression", "sold:binary"])[0]


@pytest.fixture(scope="module")
def refitted(dataset):
    recipe = recommended(len(dataset.train), "quick")
    network = replace(recipe.network, trunk=(32,))
    budget = replace(recipe.budget, epochs=60)
    return {
        again: train(
            dataset,
            dataset.tasks,
            network,
            replace(budget, refit=again),
            recipe.settings,
            seed=0,
        )
        for again in (False, True)
    }


def test_numbers_are_embedded_and_indicators_are_not(dataset):
    embedded = numeric_columns(dataset.train.x, Network(embedding="periodic"))
    assert [dataset.feature_names[i] for i in embedded] == ["place"]
    assert numeric_columns(dataset.train.x, Network()) == ()


def test_the_embedding_has_seen_the_training_rows(dataset, refitted):
    layer = refitted[False].model.get_layer("numbers")
    place = dataset.train.x[:, dataset.feature_names.index("place")]
    start = keras.ops.convert_to_numpy(layer.start)[0]
    np.testing.assert_allclose(start[0], place.min(), rtol=1e-6)
    assert keras.ops.convert_to_numpy(layer.used).sum() == layer.bins


def test_a_jagged_target_is_learned_beside_a_class(refitted):
    scores = {tuple(row[:3]): row[3] for row in refitted[True].reached.scores}
    assert scores["price", "test", "r2"] > 0.5
    assert scores["sold", "test", "auc"] > 0.95


def test_a_refit_moves_the_model_but_not_what_validation_said(refitted):
    once, again = refitted[False], refitted[True]

    def scores(trained, split):
        return [row for row in trained.reached.scores if row[1] == split]

    assert scores(again, "validation") == scores(once, "validation")
    assert scores(again, "test") != scores(once, "test")
    assert again.best_epoch == once.best_epoch
    # The places of the validation rows now count among the quantiles.
    edges = [
        keras.ops.convert_to_numpy(trained.model.get_layer("numbers").start)
        for trained in (once, again)
    ]
    assert not np.array_equal(*edges)


def test_the_learning_rate_rises_and_then_falls_to_zero(refitted):
    rate = refitted[False].model.optimizer.inner_optimizer._learning_rate
    values = [float(rate(step)) for step in range(0, 181, 3)]
    assert values[0] == 0
    assert max(values) == pytest.approx(2e-3, rel=0.05)
    assert values[-1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("effort", EFFORTS)
def test_every_size_of_table_gets_steps_it_can_afford(effort):
    for rows in (3, 100, 5_000, 50_000, 10**6):
        budget = recommended(rows, effort).budget
        steps = budget.epochs * max(1, rows // budget.batch_size)
        assert 1 <= steps <= 10_000
        assert budget.batch_size <= 1024


def test_more_effort_takes_longer_and_labels_are_smoothed_where_there_are_classes():
    times = []
    for effort in EFFORTS:
        recipe = recommended(5_000, effort, classes=True)
        times.append(estimated_seconds(5_000, 20, recipe.network, recipe.budget))
        assert recipe.settings.label_smoothing > 0
        assert recipe.budget.calibrate
    assert times == sorted(times)
    assert recommended(5_000).settings.label_smoothing == 0


def test_more_rows_get_more_bins():
    few, many = recommended(500).network, recommended(50_000).network
    assert few.embedding_bins < many.embedding_bins


def test_in_large_tables_small_losses_do_not_drown_the_others():
    powers = [
        recommended(rows, classes=True).settings.balancer["power"]
        for rows in (500, 5_000, 5_001, 10**6)
    ]
    assert powers == [1.0, 1.0, 0.5, 0.5]


def test_a_number_has_as_many_bins_as_asked_for(dataset):
    network = Network(trunk=(4,), embedding="piecewise_linear", embedding_bins=5)
    model = compiled(dataset.tasks, dataset.train, (), network, Budget(), Settings())
    assert model.get_layer("numbers").bins == 5


def test_a_number_that_repeats_its_values_has_an_edge_at_each():
    random = np.random.default_rng(0)
    schools = random.permutation(np.repeat(np.arange(40), 12))
    classes = random.choice(["large", "small"], 40)
    table = pd.DataFrame({"school": schools, "classes": classes[schools]})
    data = from_table(table, ["classes:binary"])[0]
    assert recommended(len(data.train)).network.embedding_bins < 40
    recipe = recommended(len(data.train), "quick", classes=True)
    # About 7 training rows a school, too few; twice as many are enough.
    more = replace(data.train, **_twice(data.train))
    model, other = (
        compiled(data.tasks, rows, (), recipe.network, recipe.budget, Settings())
        for rows in (data.train, more)
    )
    assert model.get_layer("numbers").values == 0
    assert keras.ops.convert_to_numpy(other.get_layer("numbers").used).sum() == 39
    assert not Beginning(model).again(more, recipe.network, recipe.budget)
    assert Beginning(other).again(more, recipe.network, recipe.budget)


def _twice(split):
    return {
        "x": np.concatenate([split.x] * 2),
        "y": {name: np.concatenate([y] * 2) for name, y in split.y.items()},
    }


def values(model):
    return {
        f"{index} {variable.path}": keras.ops.convert_to_numpy(variable)
        for index, variable in enumerate((*model.variables, *model.optimizer.variables))
    }


def test_a_model_that_begins_again_is_as_a_new_one_on_the_rows(dataset):
    recipe = recommended(len(dataset.train), "quick")
    budget = replace(recipe.budget, epochs=2)
    rows, shorter = dataset.validation, replace(budget, epochs=1, batch_size=8)
    beginnings = []
    for of, its in ((dataset.train, budget), (rows, shorter)):
        keras.utils.set_random_seed(3)
        made = compiled(dataset.tasks, of, (), recipe.network, its, recipe.settings)
        begin_with(made, 3)
        beginnings.append(Beginning(made))
    beginning, (model, new) = beginnings[0], (each.model for each in beginnings)
    model.fit(Batches(dataset.train, dataset.tasks, 8, 0), verbose=0)
    assert beginning.again(rows, recipe.network, shorter)
    for (name, value), other in zip(
        values(model).items(), values(new).values(), strict=True
    ):
        np.testing.assert_array_equal(value, other, err_msg=name)


def test_a_model_of_other_columns_does_not_begin_again(dataset):
    recipe = recommended(len(dataset.train), "quick")
    model = compiled(
        dataset.tasks, dataset.train, (), recipe.network, recipe.budget, Settings()
    )
    rows = replace(dataset.validation, x=np.zeros_like(dataset.validation.x))
    assert not Beginning(model).again(rows, recipe.network, recipe.budget)
