"""Columns whose effects are added: they go to the heads past the trunk."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from polytask import compact
from polytask.errors import UserError
from polytask.lab.kinds import Task
from polytask.lab.studies import Study, run_study
from polytask.lab.studies.inputs import additive_columns
from polytask.lab.studies.network import build_network
from polytask.lab.studies.plan import plan
from polytask.lab.studies.store import Store
from polytask.lab.tables import FeatureColumns
from polytask.models.initial_values import begin_with, unknown_beginnings
from polytask_options import Network, Settings

COLUMNS = FeatureColumns(("age", "town", "town", "town", "pay"))
TOWN = Network(trunk=(16,), towers=(), additive=("town",))
TASKS = (
    Task("price", "regression"),
    Task("sold", "binary", ("no", "yes")),
    Task("grade", "ordinal", ("a", "b", "c")),
)


def network(options=TOWN, numbers=(), **settings):
    model = build_network(TASKS, 5, options, Settings(**settings), numbers, COLUMNS)
    begin_with(model, 0)
    return model


def rows(town):
    """Return rows that differ in age and pay, all of one town."""
    x = np.random.default_rng(0).normal(size=(20, 5)).astype("float32")
    x[:, 1:4] = np.eye(3)[town]
    return x


def prices(model, town):
    return keras.ops.convert_to_numpy(model(rows(town))["price"])[:, 0]


@pytest.mark.parametrize("embedding", ["none", "piecewise_linear", "periodic"])
def test_the_difference_between_two_towns_is_the_same_in_every_row(embedding):
    numbers = () if embedding == "none" else (0, 4)
    options = replace(TOWN, embedding=embedding)
    model = network(options, numbers)
    apart = prices(model, 1) - prices(model, 0)
    np.testing.assert_allclose(apart, apart[0], atol=1e-5)
    assert abs(apart[0]) > 1e-3
    # What is read by the trunk is no sum.
    plain = network(replace(options, additive=()), numbers)
    assert np.std(prices(plain, 1) - prices(plain, 0)) > 1e-3


def test_the_trunk_reads_the_other_columns_alone():
    model = network()
    assert model.get_layer("trunk_0").kernel.shape == (2, 16)
    assert model.get_layer("additive").kernel.shape[0] == 3
    model.compile("adam", loss={"price": "mse", "sold": "mse", "grade": "mse"})
    assert any(v is model.get_layer("additive").kernel for v in model.shared_variables)
    assert unknown_beginnings(model) == []


def test_a_network_without_the_option_is_as_it_was():
    names = {layer.name for layer in network(replace(TOWN, additive=())).layers}
    assert not {"additive", "other_columns"} & names


def test_a_number_that_is_additive_is_not_embedded():
    options = replace(TOWN, additive=("age",), embedding="piecewise_linear")
    model = network(options, (0, 4))
    assert model.get_layer("number_columns").indices == (4,)
    assert model.get_layer("additive_columns").indices == (0,)


@pytest.mark.parametrize(
    "settings", [{"sharing": {"name": "ple"}}, {"task_gates": 1e-2}, {"film": True}]
)
def test_sums_reach_the_heads_beside_towers_and_sharing(settings):
    model = network(replace(TOWN, towers=(3,)), **settings)
    assert model.get_layer("head_0").kernel.shape[0] > 3
    apart = prices(model, 1) - prices(model, 0)
    np.testing.assert_allclose(apart, apart[0], atol=1e-5)


def test_penalties_on_the_inputs_act_on_the_sums_too():
    model = network(group_lasso=1e-2)
    assert type(model.get_layer("additive").kernel.regularizer).__name__ == "GroupLasso"


def test_a_smaller_network_without_a_town_predicts_the_same():
    model = network()
    kernel = np.array(keras.ops.convert_to_numpy(model.get_layer("additive").kernel))
    kernel[1] = 0.0
    model.get_layer("additive").kernel.assign(kernel)
    smaller = compact(model)
    assert smaller.count_params() < model.count_params()
    np.testing.assert_allclose(prices(smaller, 2), prices(model, 2), atol=1e-5)


def test_it_is_saved_and_loaded(tmp_path):
    model = network(replace(TOWN, embedding="piecewise_linear"), (0, 4))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(prices(again, 1), prices(model, 1), atol=1e-6)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("twon",), 'no input. Did you mean "town"?'),
        (("age", "town", "pay"), "leaves the trunk no column"),
    ],
)
def test_columns_that_are_not_there_and_all_columns_are_refused(names, said):
    with pytest.raises(UserError, match="additive") as refused:
        additive_columns(COLUMNS, replace(TOWN, additive=names))
    assert said in str(refused.value)


@pytest.mark.slow
def test_a_study_with_it_records_the_same_by_lanes_and_one_by_one(tiny_study, tmp_path):
    text = tiny_study.read_text()
    tiny_study.write_text(text.replace("[network]", '[network]\nadditive = ["job"]'))
    study = Study.load(tiny_study).narrowed(seeds=1, epochs=2)
    assert study.network.additive == ("job",)
    found = []
    for lanes in (True, False):
        run_study(study, tmp_path / str(lanes), lanes=lanes)
        runs = plan(study, ["sick", "score"])
        found.append(Store(tmp_path / str(lanes)).records(runs))
    if keras.backend.backend() == "jax":
        assert max(record.lanes for record in found[0].values()) > 1
    for run, record in found[0].items():
        values = [[s[-1] for s in one.scores] for one in (record, found[1][run])]
        np.testing.assert_allclose(*values, rtol=1e-4, atol=1e-6)
