"""Options are declared once: from files, flags and lists alike."""

import pickle
from dataclasses import dataclass

import pytest

import polytask_cli
from polytask import UserError
from polytask.errors import OptionError
from polytask.lab.commands import fit
from polytask.lab.studies import Budget, Settings
from polytask.lab.studies.reading import (
    CommandLine,
    Place,
    read,
    refuse_unknown_tasks,
)
from polytask.models.weight_decay import SCOPES
from polytask_options import option, options
from polytask_options.table_values import Each, Table
from polytask_options.values import Choice, Number


@dataclass(frozen=True)
class Invented:
    """Options that no variant has."""

    smoothing: float | dict = option(0.0, Each(Number(below=1.0)), "a share")
    sharpness: dict | None = option(
        None,
        Table({"rho": Number(), "adaptive": Number()}, {"adaptive": 0.0}, "rho"),
        "a radius",
    )
    norm: str = option("none", Choice(("none", "batch", "layer")), "a layer")


PLACE = Place("s.toml, [variants.a]")


def settings_of(*words):
    words = ["fit", "t.csv", "--task", "y:binary", *words]
    study = fit._study(polytask_cli.parser().parse_args(words))
    return study.variants[0].settings


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({"smoothing": 0.1}, {"smoothing": 0.1}),
        ({"smoothing": {"a": 0}}, {"smoothing": {"a": 0.0}}),
        ({"sharpness": 0.05}, {"sharpness": {"rho": 0.05, "adaptive": 0.0}}),
        (
            {"sharpness": {"rho": 1, "adaptive": 1}},
            {"sharpness": {"rho": 1, "adaptive": 1}},
        ),
        ({"norm": "layer"}, {"norm": "layer"}),
    ],
)
def test_an_option_is_read_as_its_kind_says(values, kept):
    whole = read(Invented(), values, PLACE)
    assert whole == Invented(**kept)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"smoothing": 1}, "smoothing = 1; accepted is a number from 0, below 1, or a"),
        ({"smoothing": {"a": "x"}}, r"[variants.a.smoothing]: a = 'x'; accepted is a"),
        (
            {"sharpness": "x"},
            "sharpness = 'x'; accepted is a number from 0, or a table",
        ),
        ({"sharpness": {"adaptive": 1}}, '[variants.a.sharpness]: the key "rho" is'),
        ({"sharpness": {"roh": 1}}, 'unknown key "roh". Did you mean "rho"?'),
        (
            {"norm": "bach"},
            'accepted is one of none, batch, layer. Did you mean "batch"',
        ),
        ({"norn": "batch"}, 'unknown key "norn". Did you mean "norm"?'),
        (3, "must be a table (key = value), found 3"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_found_and_what_is_accepted(
    values, message
):
    with pytest.raises(UserError) as error:
        read(Invented(), values, PLACE)
    assert message in str(error.value)
    assert str(error.value).startswith("s.toml, [variants.a")


def test_a_value_by_task_names_the_tasks_of_the_data():
    invented = Invented(smoothing={"sick": 0.1, "scor": 0.2})
    with pytest.raises(UserError, match=r'key "scor". Did you mean "score"'):
        refuse_unknown_tasks(invented, ["sick", "score"])
    refuse_unknown_tasks(Invented(smoothing=0.1), ["sick"])


def test_every_number_reads_the_same_from_a_file_and_from_a_flag():
    for name, one in options(Settings).items():
        if isinstance(one.kind, Number):
            value = one.kind.from_text(".5")
            place = CommandLine({name: (f"--{name}", ".5")})
            assert getattr(read(Settings(), {name: value}, place), name) == 0.5


def test_flags_say_what_a_study_file_can_say():
    settings = settings_of(
        *("--elastic-net", "{ l1 = 1e-3, l2 = 0.1 }", "--weight-decay", "1e-4"),
        *("--sharing", '{ name = "mmoe", experts = 3 }', "--balancer", "pcgrad"),
        *("--task-structure", '{ name = "l21", strength = 0.1 }', "--batch-norm"),
        *("--dropout", "0.25", "--dropout-tower", "0.5"),
    )
    assert settings == Settings(
        elastic_net=(1e-3, 0.1),
        weight_decay=1e-4,
        sharing={"name": "mmoe", "experts": 3},
        balancer={"name": "pcgrad"},
        task_structure={"name": "l21", "strength": 0.1},
        batch_norm=True,
        dropout_trunk=0.25,
        dropout_tower=0.5,
    )


def test_l1_and_l2_together_are_an_elastic_net():
    settings = settings_of("--l1", "1e-3", "--l2", "0.1")
    assert settings.to_dict() == {"elastic_net": {"l1": 1e-3, "l2": 0.1}}


def test_what_matters_between_tasks_only_is_left_out_for_one_task():
    settings = Settings(l1=0.1, sharing={"name": "moe"}, balancer={"name": "equal"})
    assert settings.alone() == Settings(l1=0.1)


def test_the_scopes_of_weight_decay_are_those_of_the_model():
    assert options(Settings)["weight_decay"].kind.keys == SCOPES


def test_a_study_stops_early_only_where_it_says_so():
    assert read(Budget(), {"epochs": 3}, PLACE).patience == Budget().patience


def test_an_error_of_an_option_goes_to_another_process_whole():
    error = pickle.loads(pickle.dumps(OptionError("split", ": no such column.")))
    assert str(error) == "split: no such column."
    assert error.typed("--split") == "--split: no such column."
