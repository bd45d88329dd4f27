"""Trainings of a study as lanes: the same results as one by one."""

import contextlib
from dataclasses import replace

import keras
import numpy as np
import pytest

from polytask import Knob, regularizers
from polytask.errors import UserError
from polytask.lab.studies import Study, lanes, run_study, side_by_side
from polytask.lab.studies.load_data import StudyData
from polytask.lab.studies.network import task_head
from polytask.lab.studies.plan import plan
from polytask.lab.studies.store import Store
from polytask.lab.studies.structure import (
    structure_of,
    values_of,
    why_alone,
    with_knobs,
)
from polytask_options import Budget, ElasticNet, Network, Settings
from tests.lab.studies.conftest import with_rare_trades

on_jax = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="lanes are a program of JAX"
)

VARIANTS = """
[variants.l2]
l2 = 1e-2
[variants.dropout]
dropout_trunk = 0.4
weight_decay = { trunk = 0.1, tower = 0.2, head = 0.0 }
"""
WEIGHTS = """
[variants.weights]
loss_weights = { score = 0.25 }
"""


@pytest.fixture
def study(tiny_study):
    tiny_study.write_text(tiny_study.read_text() + VARIANTS)
    return Study.load(tiny_study).narrowed(seeds=1)


def records(study, folder, **options):
    run_study(study, folder, **options)
    runs = plan(study, ["sick", "score"])
    return Store(folder).records(runs)


@on_jax
@pytest.mark.slow
def test_a_study_by_lanes_records_what_one_by_one_records(tiny_study, tmp_path):
    tiny_study.write_text(tiny_study.read_text() + VARIANTS + WEIGHTS)
    study = Study.load(tiny_study).narrowed(seeds=1)
    together = records(study, tmp_path / "on")
    alone = records(study, tmp_path / "off", lanes=False)
    assert together.keys() == alone.keys()
    for run, record in together.items():
        other = alone[run]
        for kept in ("best_epoch", "epochs", "parameters", "weights", "warnings"):
            assert getattr(record, kept) == getattr(other, kept), (run, kept)
        assert record.features == other.features
        for found, wanted in zip(record.history, other.history, strict=True):
            assert found[:-1] == wanted[:-1]
            np.testing.assert_allclose(found[-1], wanted[-1], rtol=1e-4, atol=1e-6)
        for found, wanted in zip(record.scores, other.scores, strict=True):
            assert found[:-1] == wanted[:-1]
            np.testing.assert_allclose(found[-1], wanted[-1], rtol=1e-4, atol=1e-6)


@on_jax
@pytest.mark.slow
def test_repeats_with_rows_of_their_own_are_compiled_once(
    tiny_study, tmp_path, monkeypatch
):
    from polytask.training import lanes_jax

    made = []

    class Counted(lanes_jax.LaneProgram):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setattr(lanes_jax, "LaneProgram", Counted)
    with_rare_trades(tiny_study)
    tiny_study.write_text(tiny_study.read_text() + VARIANTS)
    study = Study.load(tiny_study).narrowed(["none", "l1"], epochs=1, repeats=2)
    together = records(study, tmp_path / "on")
    assert [program.compilations for program in made] == [1]
    alone = records(study, tmp_path / "off", lanes=False)
    # Every variant with both tasks and with each alone, twice.
    assert len(together) == 12
    assert {record.lanes for record in together.values()} == {16}
    for run, record in together.items():
        for found, wanted in zip(record.scores, alone[run].scores, strict=True):
            assert found[:-1] == wanted[:-1]
            np.testing.assert_allclose(found[-1], wanted[-1], rtol=1e-4, atol=1e-6)


def test_a_network_of_one_task_is_named_as_that_of_the_first_repeat(study):
    # Mean and scale of a target are those of the repeat's own training rows.
    study = replace(study, vary="split and seed").narrowed(repeats=2)
    data = StudyData(study)
    other = next(task for task in data.of(1).tasks if task.name == "score")
    assert other not in data.of(0).tasks
    models = lanes._Models(study, data.of(0))
    model = models.compiled((other,), Settings(), study.budget)
    number = [task.name for task in data.of(0).tasks].index("score")
    assert task_head(model, number) in model.layers


@pytest.mark.slow
@on_jax
def test_lanes_that_were_stored_are_not_trained_again(study, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    stored = []

    def killed(self, run, record):
        if len(stored) == 3:
            raise KeyboardInterrupt
        stored.append(run)
        save(self, run, record)

    save = Store.save
    monkeypatch.setattr(Store, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, folder)
    monkeypatch.setattr(Store, "save", save)
    begun = []
    train_group = lanes.train_group

    def counted(study, dataset, store, runs, on_epoch, on_done):
        begun.extend(runs)
        train_group(study, dataset, store, runs, on_epoch, on_done)

    monkeypatch.setattr(lanes, "train_group", counted)
    run_study(study, folder)
    assert len(begun) == len(plan(study, ["sick", "score"])) - 3
    assert not set(begun) & set(stored)


@pytest.mark.parametrize(
    "options",
    [
        {"r_drop": 0.5},
        {"pseudo_labels": {"strength": 1.0, "threshold": 0.9}},
        {"mean_teacher": {"strength": 1.0}},
        {"vat": {"strength": 1.0}},
        {"distillation": {"label_share": 0.5}},
    ],
)
def test_what_learns_from_rows_without_a_label_is_no_lane(options):
    # In a lane of one task the labels of the others are missing.
    assert why_alone(Settings(**options), Network(), Budget())
    assert not why_alone(Settings(), Network(), Budget())


def test_the_variants_of_digits_are_two_structures():
    found = {structure_of(v.settings) for v in Study.load("digits").variants}
    assert len(found) == 2


def test_what_is_no_knob_is_another_structure():
    plain = structure_of(Settings())
    others = [
        Settings(batch_norm=True),
        Settings(group_lasso=1e-3),
        Settings(task_gates=1e-3),
        Settings(balancer={"name": "pcgrad"}),
        Settings(dropout_kind="gaussian", dropout_trunk=0.5),
    ]
    assert plain not in {structure_of(settings) for settings in others}
    same = [
        Settings(l1=1.0),
        Settings(dropout_tower=0.5),
        Settings(weight_decay=0.1),
        Settings(loss_weights={"sick": 2.0}),
    ]
    assert {structure_of(settings) for settings in same} == {plain}


def test_the_strength_of_a_named_penalty_is_a_knob():
    weak, strong = (
        Settings(task_structure={"name": "trace_norm", "strength": strength})
        for strength in (0.01, 0.1)
    )
    assert structure_of(weak) == structure_of(strong)
    assert structure_of(weak) != structure_of(Settings())
    used = [values_of(settings, single=False) for settings in (weak, strong)]
    settings, knobs = with_knobs(weak, used)
    assert list(knobs) == ["task_structure"]
    assert settings.task_structure["strength"] is knobs["task_structure"]


def test_a_penalty_whose_strength_is_no_knob_is_a_structure_for_each_strength():
    weak, strong = (
        Settings(task_structure={"name": "dirty", "strength": strength})
        for strength in (0.01, 0.1)
    )
    assert structure_of(weak) != structure_of(strong)


def test_every_penalty_with_a_strength_takes_a_knob_but_dirty():
    refused = set()
    for name in regularizers.names():
        # Some need more to be made, some have no strength.
        with contextlib.suppress(UserError):
            member = regularizers.get(name, strength=0.1)
            try:
                regularizers.get(name, strength=Knob(0.1))
            except UserError:
                refused.add(type(member).__name__)
    assert refused == {"Dirty"}


def test_a_single_task_decays_its_trunk_as_a_tower():
    settings = Settings(weight_decay={"trunk": 0.1, "tower": 0.2, "head": 0.3})
    assert values_of(settings, single=False)["decay_trunk"] == 0.1
    assert values_of(settings, single=True)["decay_trunk"] == 0.2


def test_an_elastic_net_without_l1_acts_by_its_gradient():
    values = values_of(Settings(elastic_net=ElasticNet(0.0, 0.5)), single=False)
    assert (values["l1"], values["ridge"], values["l2"]) == (0.0, 0.0, 0.5)


def test_only_what_acts_becomes_a_knob():
    used = [values_of(Settings(), False), values_of(Settings(l2=0.1), False)]
    settings, knobs = with_knobs(Settings(), used)
    assert list(knobs) == ["l2"]
    assert settings.dropout_trunk == 0.0
    assert settings.elastic_net is None


@pytest.mark.parametrize(
    ("lanes_there", "values", "platform", "width"),
    [
        (100, 20_000, "cpu", 16),
        (5, 20_000, "cpu", 8),
        (100, 200_000, "cpu", 4),
        (100, 10**8, "cpu", 1),
        (1000, 20_000, "gpu", 256),
    ],
)
def test_memory_bounds_the_number_of_lanes(lanes_there, values, platform, width):
    assert side_by_side.width_for(lanes_there, values, platform) == width


def test_off_jax_and_where_asked_every_run_is_alone(study):
    runs = plan(study, ["sick", "score"])
    data = StudyData(study)
    assert lanes.groups(study, data, runs, lanes=False) == [[run] for run in runs]
    together = len(lanes.groups(study, data, runs))
    assert together == (1 if keras.backend.backend() == "jax" else len(runs))


def test_a_study_says_how_it_was_trained(trained):
    _, folder, _ = trained
    told = Store(folder).description().created_by["training"]
    jax = keras.backend.backend() == "jax"
    assert told == ("6 as lanes, 8 side by side" if jax else "6 one by one")


def test_a_large_group_is_shared_out_to_machines(study):
    runs = plan(study, ["sick", "score"])
    many = (3 * runs)[:20]
    shares = lanes.shared_out([many, runs[:1]], gpus=0)
    assert [len(share) for share in shares] == [16, 4, 1]
    assert [run for share in shares for run in share] == [*many, runs[0]]
    assert lanes.shared_out([many], gpus=0.5) == [many]
