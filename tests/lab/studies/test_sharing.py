"""`sharing` as a dimension of a study."""

import json
from pathlib import Path

import keras
import pytest

from polytask.errors import UserError
from polytask.lab.kinds import Task
from polytask.lab.studies import Network, Settings, Study, lanes, run_study
from polytask.lab.studies.network import build_network
from polytask.lab.studies.record import train_run
from polytask.layers.architectures import ARCHITECTURES
from polytask.models.initial_values import unknown_beginnings

NETWORK = Network(trunk=(6, 4), towers=(3,))
TASKS = (Task("a", "regression"), Task("b c/d", "regression"))


def parsed(option):
    text = f'[data]\nname = "digits"\n[variants.v]\nsharing = {option}\n'
    return Study.parse(text, "study.toml", Path()).variant("v").settings


def names(model):
    return {layer.name for layer in model.layers}


@pytest.mark.parametrize("name", sorted(set(ARCHITECTURES.names()) - {"hard"}))
def test_every_architecture_trains_with_regularization_in_its_layers(name):
    options = {
        "l1": 1e-3,
        "dropout_trunk": 0.1,
        "sharing": {"name": name},
    }
    model = build_network(TASKS, 5, NETWORK, Settings(**options))
    model.compile("adam", loss="mse")
    assert model.shared_variables
    kernels = [v for v in model.trainable_variables if v.path.startswith("trunk_")]
    assert any(v.regularizer is not None for v in kernels)
    kinds = {type(layer) for layer in model.layers}
    assert keras.layers.Dropout in kinds
    # Else it is no lane: a study with it would end.
    assert unknown_beginnings(model) == []


def test_a_gate_of_selectors_begins_by_the_seed_as_well():
    sharing = {"name": "mmoe", "gate": {"name": "dselect_k"}}
    model = build_network(TASKS, 5, NETWORK, Settings(sharing=sharing))
    assert unknown_beginnings(model) == []


@pytest.mark.parametrize("option", ['"hard"', '{ name = "hard" }'])
def test_hard_sharing_is_the_plain_network(option):
    assert parsed(option) == Settings()


def test_a_single_task_is_the_plain_network_whatever_the_variant_shares():
    shared = Settings(sharing={"name": "mmoe", "experts": 3})
    plain = build_network(TASKS[:1], 5, NETWORK, Settings())
    assert names(build_network(TASKS[:1], 5, NETWORK, shared)) == names(plain)


def test_options_reach_the_architecture():
    settings = parsed(
        '{ name = "mmoe", experts = 3, units = [7], '
        'gate = { name = "softmax", dropout = 0.1 } }'
    )
    model = build_network(TASKS, 5, NETWORK, settings)
    gate = model.get_layer("sharing_gate_1")
    assert (gate.num_experts, gate.dropout, gate.task) == (3, 0.1, "b c/d")
    assert model.get_layer("trunk_0_2").units == 7
    assert settings.to_dict()["sharing"]["experts"] == 3


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ('"mmoo"', 'Unknown sharing architecture "mmoo". Did you mean "mmoe"'),
        ("3", "sharing = 3; accepted is a name"),
        (
            '{ name = "mmoe", expert = 3 }',
            'mmoe has no option "expert". Did you mean "experts"? Accepted: experts, '
            "gate, units",
        ),
        ('{ name = "ple", experts = 0 }', "experts must be an integer, at least 1"),
        ('{ name = "mmoe", units = [] }', "units must be widths from 1"),
        ('{ name = "mmoe", gate = "soft" }', "unknown gate 'soft'"),
        ('{ name = "sluice", units = [8, 4] }', "need the same width"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_runs(option, message):
    with pytest.raises(UserError) as error:
        parsed(option)
    assert message in str(error.value)
    assert str(error.value).startswith("study.toml, [variants.v]: sharing")


@pytest.mark.slow
def test_single_task_networks_are_trained_once_for_variants_that_share_differently(
    tiny_study, monkeypatch
):
    tiny_study.write_text(
        tiny_study.read_text().replace("l1 = 1e-2", 'l1 = 1e-2\nsharing = "mmoe"')
        + '[variants.mmoe]\nsharing = "mmoe"\n[variants.moe]\nsharing = "moe"\n'
    )
    trained = []

    def recorded(study, dataset, store, run, on_epoch):
        trained.append(run.run_id)
        return train_run(study, dataset, store, run, on_epoch)

    monkeypatch.setattr(lanes, "train_run", recorded)
    folder = tiny_study.parent / "run"
    study = Study.load(tiny_study).narrowed(seeds=1, epochs=1)
    run_study(study, folder, lanes=False)
    single = [name for name in trained if name.startswith("single-task")]
    # One for each task, and another pair for the variant with a penalty.
    assert single == [
        "single-task--sick--none--seed0",
        "single-task--score--none--seed0",
        "single-task--sick--l1--seed0",
        "single-task--score--l1--seed0",
    ]
    for path in folder.glob("runs/single-task--*--moe--seed0.json"):
        first = json.loads(Path(str(path).replace("--moe--", "--none--")).read_text())
        assert json.loads(path.read_text())["scores"] == first["scores"]
    # A lost run is restored from the one that it equals.
    trained.clear()
    (folder / "runs" / "single-task--sick--moe--seed0.json").unlink()
    run_study(study, folder)
    assert not trained
