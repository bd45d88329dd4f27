import json
from pathlib import Path

import pytest

from polytask.errors import UserError
from polytask.lab.studies import Settings, Study

DATA = '[data]\nname = "digits"\n'
VARIANT = "[variants.none]\n"


def parse(text, folder="."):
    return Study.parse(text, "study.toml", Path(folder))


@pytest.mark.parametrize("name", ["digits", "census"])
def test_a_bundled_study_compares_eight_variants_against_none(name):
    study = Study.load(name)
    assert study.name == name
    assert study.plain == "none"
    assert [v.name for v in study.variants] == [
        *("none", "l2", "l1", "elastic_net", "dropout_trunk", "dropout_towers"),
        *("batch_norm", "combination"),
    ]
    assert study.variant("none").settings == Settings()


def test_a_study_file_gives_what_it_says(tiny_study):
    study = Study.load(tiny_study)
    assert study.data.file == str(tiny_study.parent / "table.csv")
    assert study.data.tasks == (("sick", "binary"), ("score", "regression"))
    assert study.network.trunk == (8,)
    assert study.budget.patience == study.budget.epochs == 2
    assert study.seeds == (0, 1)
    assert study.variant("l1").settings == Settings(l1=0.01)


def test_a_study_without_the_plain_network_gets_it():
    study = parse(DATA + "[variants.l2]\nl2 = 0.1\n")
    assert [v.name for v in study.variants] == ["none", "l2"]
    assert study.plain == "none"


def test_only_a_comparison_needs_variants():
    study = Study.parse(DATA, "s.toml", Path(), compares=False)
    assert [v.name for v in study.variants] == ["none"]
    assert study.search is None
    with pytest.raises(UserError, match='key "variants" is missing'):
        Study.parse(DATA, "s.toml", Path())


def test_every_option_is_read():
    study = parse(
        DATA
        + """
        [variants.all]
        elastic_net = { l1 = 1e-4, l2 = 1e-3 }
        weight_decay = 1e-4
        dropout_input = 0.1
        dropout_trunk = 0.2
        dropout_tower = 0.3
        batch_norm = true
        balancer = "equal"
        task_structure = { name = "l21", strength = 1e-3 }
        """
    )
    settings = study.variant("all").settings
    assert settings.elastic_net == (1e-4, 1e-3)
    assert settings.balancer == {"name": "equal"}
    assert settings.task_structure == {"name": "l21", "strength": 1e-3}
    assert settings.to_dict()["elastic_net"] == {"l1": 1e-4, "l2": 1e-3}
    assert json.loads(json.dumps(settings.to_dict())) == settings.to_dict()


def test_weight_decay_has_one_rate_or_one_for_each_scope():
    text = DATA + "[variants.a]\nweight_decay = { trunk = 1e-3, head = 0.1 }\n"
    study = parse(text)
    rates = study.variant("a").settings.weight_decay
    assert rates == {"trunk": 1e-3, "tower": 0.0, "head": 0.1}


WRONG = {
    "an unknown key at the top": (
        "sedes = 3\n" + DATA + VARIANT,
        'unknown key "sedes"',
    ),
    "an unknown table before the one that it was meant for": (
        DATA + "[variant.a]\n",
        'unknown key "variant". Did you mean "variants"',
    ),
    "an unknown key in a table, with the nearest": (
        DATA + "[budget]\nepohcs = 3\n" + VARIANT,
        r'\[budget\]: unknown key "epohcs". Did you mean "epochs"',
    ),
    "an unknown option of a variant, with the nearest": (
        DATA + "[variants.a]\ndropout_trunc = 0.5\n",
        'Did you mean "dropout_trunk"',
    ),
    "an unknown regularizer, with the nearest": (
        DATA + '[variants.a]\nregularizer = "grup_lasso"\n',
        'Unknown regularizer "grup_lasso". Did you mean "group_lasso"',
    ),
    "an unknown balancer": (
        DATA + '[variants.a]\nbalancer = "eqal"\n',
        'Unknown balancer "eqal". Did you mean "equal"',
    ),
    "a task structure as a penalty of one kernel": (
        DATA + '[variants.a]\nregularizer = "l21"\n',
        "couples tasks",
    ),
    "a penalty of one kernel as a task structure": (
        DATA + '[variants.a]\ntask_structure = "l1"\n',
        "couples tasks",
    ),
    "an unknown scope of weight decay": (
        DATA + "[variants.a]\nweight_decay = { towers = 0.1 }\n",
        'Did you mean "tower"',
    ),
    "a negative strength": (
        DATA + "[variants.a]\nl1 = -1e-3\n",
        r"l1 = -0.001; accepted is a number from 0",
    ),
    "a negative strength of an elastic net": (
        DATA + "[variants.a]\nelastic_net = { l1 = -1, l2 = 1 }\n",
        "elastic_net.*l1 = -1",
    ),
    "a dropout rate of 1": (
        DATA + "[variants.a]\ndropout_trunk = 1.0\n",
        "dropout_trunk = 1.0; accepted is a number from 0, below 1",
    ),
    "a strength that is not finite": (
        DATA + "[variants.a]\nl2 = inf\n",
        "l2 = inf",
    ),
    "two penalties of the same kernels": (
        DATA + "[variants.a]\nl1 = 1e-3\nl2 = 1e-3\n",
        "l1 and l2 both penalize every kernel",
    ),
    "an unknown bundled data set": (
        '[data]\nname = "digit"\n' + VARIANT,
        "one of census, digits",
    ),
    "a data set and a file": (
        '[data]\nname = "digits"\nfile = "a.csv"\n' + VARIANT,
        "either name",
    ),
    "a file without tasks": (
        '[data]\nfile = "a.csv"\n' + VARIANT,
        '"tasks" is missing',
    ),
    "an unknown kind of task": (
        '[data]\nfile = "a.csv"\n[tasks]\na = "binray"\n' + VARIANT,
        'Did you mean "binary"',
    ),
    "shares that do not sum to 1": (
        '[data]\nfile = "a.csv"\nsplit = [0.5, 0.2, 0.2]\n[tasks]\na = "binary"\n'
        + VARIANT,
        "sum to 1",
    ),
    "no variant": (DATA + "[variants]\n", "is empty"),
    "a variant's name that is not a file name": (
        DATA + '[variants."a/b"]\n',
        "name = 'a/b'",
    ),
    "an unknown activation": (
        DATA + '[network]\nactivation = "rellu"\n' + VARIANT,
        "activation = 'rellu'",
    ),
    "no shared layer": (DATA + "[network]\ntrunk = []\n" + VARIANT, "shared layer"),
    "zero epochs": (DATA + "[budget]\nepochs = 0\n" + VARIANT, "epochs = 0"),
    "a text as a number": (
        DATA + '[budget]\nlearning_rate = "fast"\n' + VARIANT,
        "learning_rate = 'fast'",
    ),
    "zero seeds": (DATA + "[budget]\nseeds = 0\n" + VARIANT, "seeds = 0"),
    "a seed twice": (DATA + "[budget]\nseeds = [1, 1]\n" + VARIANT, "different"),
    "broken TOML": ("[data\n", "not valid TOML"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_study_is_refused_for(case):
    text, message = WRONG[case]
    with pytest.raises(UserError, match=message):
        parse(text)


def test_an_unknown_study_is_refused_with_the_bundled_ones():
    with pytest.raises(UserError, match=r'"digits"|census, digits'):
        Study.load("digts")


def test_narrowing_keeps_the_named_variants_and_counts_seeds_on():
    study = Study.load("digits").narrowed(["l1", "none"], seeds=7, epochs=3)
    assert [v.name for v in study.variants] == ["none", "l1"]
    assert study.seeds == (0, 1, 2, 3, 4, 5, 6)
    assert study.budget.epochs == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variants": ["l11"]}, 'Unknown variant "l11". Did you mean "l1"'),
        ({"seeds": 0}, "--seeds = 0"),
        ({"epochs": 0}, "--epochs = 0"),
    ],
)
def test_narrowing_refuses(options, message):
    with pytest.raises(UserError, match=message):
        Study.load("digits").narrowed(**options)


def test_the_fingerprint_is_of_the_request_not_of_the_place(tiny_study, tmp_path):
    text = tiny_study.read_text()
    here, there = parse(text, tmp_path), parse(text, tmp_path / "elsewhere")
    assert here.fingerprint == there.fingerprint
    assert here.fingerprint != here.narrowed(epochs=1).fingerprint
