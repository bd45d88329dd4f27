"""How columns enter: validation rows choose, unless the user did."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from polytask.lab.choosing import recommended_rows, with_recommended
from polytask.lab.studies.better import ShortTrainings, better
from polytask.lab.studies.load_data import own_data
from polytask.lab.studies.recommended import blurred, recommended
from polytask.lab.studies.study import Study, Variant
from polytask.lab.tables import bundled, from_table
from polytask_options import Budget, DataSource, Network, Settings

ROWS, NUMBERS = 150, 40


def table(numbers=NUMBERS, kind="binary"):
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, numbers))
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(numbers)])
    # One number tells the class, by bands that noise wipes out.
    band = np.sin(12 * x[:, 0]) > 0
    frame["odd"] = np.where(band, "yes", "no") if kind == "binary" else x[:, 0]
    frame["rainy"] = random.choice(["no", "yes"], ROWS)
    kinds = {"odd": kind, "rainy": "binary"}
    return from_table(frame, kinds, seed=0)[0]


@pytest.fixture(scope="module")
def dataset():
    return table()


def study(dataset):
    tasks = tuple((task.name, task.kind) for task in dataset.tasks)
    variants = (Variant("fit", "Fitted model"),)
    return Study("table", "table", DataSource(tasks=tasks), variants, seeds=(0,))


def small(options):
    """Set what a user could give as flags: few epochs of a small network."""
    if isinstance(options, Budget):
        return replace(options, epochs=3)
    return replace(options, trunk=(4,)) if isinstance(options, Network) else options


def test_many_numbers_that_tell_classes_may_be_blurred(dataset):
    recipe = blurred(recommended(len(dataset.train)), dataset)
    assert recipe.network.embedding == "none"
    assert recipe.settings.noise_input == pytest.approx(0.5, rel=1e-2)


def test_the_noise_is_of_the_size_of_the_numbers():
    digits = bundled("digits")
    noise = blurred(recommended(len(digits.train)), digits).settings.noise_input
    assert noise < digits.train.x.std()


@pytest.mark.parametrize(
    ("numbers", "kind"), [(NUMBERS - 1, "binary"), (NUMBERS, "regression")]
)
def test_few_numbers_and_those_that_tell_a_number_are_not_blurred(numbers, kind):
    usual = recommended(len(table(numbers, kind).train))
    assert blurred(usual, table(numbers, kind)) == usual


@pytest.mark.slow
def test_the_recipe_that_is_better_on_validation_rows_is_taken(dataset):
    bad, good, worse = (
        replace(
            recommended(len(dataset.train)),
            network=Network(trunk=(8,), towers=()),
            budget=Budget(epochs=5, learning_rate=rate, refit=True, members=3),
            settings=Settings(),
        )
        for rate in (1.0, 1e-3, 10.0)
    )
    assert better(dataset, (bad, good, worse), ShortTrainings(0)) == good


@pytest.mark.slow
def test_a_user_who_says_nothing_is_told_that_two_are_tried(dataset, capsys):
    made = with_recommended(study(dataset), dataset, "good", small, verbose=True)
    assert "two short trainings first" in capsys.readouterr().err
    pair = (made.network.embedding, made.variants[0].settings.noise_input > 0)
    assert pair in (("piecewise_linear", False), ("none", True))
    # What was tried shortened nothing of what is trained.
    assert made.budget.epochs == 3
    assert made.budget.refit


@pytest.mark.parametrize(
    "given", [{"embedding": "piecewise_linear"}, {"noise_input": 0.0}]
)
def test_what_the_user_gave_is_not_tried(dataset, given, capsys):
    def change(options):
        mine = {name: value for name, value in given.items() if hasattr(options, name)}
        return replace(options, **mine)

    made = with_recommended(study(dataset), dataset, "good", change, verbose=True)
    assert made.network.embedding == "piecewise_linear"
    assert made.variants[0].settings.noise_input == 0
    assert not capsys.readouterr().err


def towns(count, villages=0, numbers=1):
    """Return a reader of a table on which the town says all, and what it has read."""
    random = np.random.default_rng(0)
    rows = np.repeat([10, 3], [count, villages])
    town = random.permutation(np.repeat(np.arange(len(rows)), rows))
    sunny = random.choice(["no", "yes"], len(rows))[town]
    frame = pd.DataFrame({"town": [f"town {t}" for t in town], "sunny": sunny})
    for number in range(numbers):
        frame[f"x{number}"] = random.normal(size=len(frame))
    sources = []

    def read(source):
        sources.append(source)
        return own_data(source, frame, "towns")

    return read, sources


SUNNY = DataSource(tasks=(("sunny", "binary"),), split=(0.8, 0.2, 0.0))


def quick(options):
    """As `small`, with enough steps to learn what a town is like."""
    if isinstance(options, Budget):
        return replace(options, epochs=20, learning_rate=0.02)
    return small(options)


def fit(data):
    return Study("t", "t", data, (Variant("fit", "Fitted model"),), seeds=(0,))


def test_many_categories_are_kept_where_validation_rows_say_so(capsys):
    read, sources = towns(120)
    made, dataset, preprocessor = recommended_rows(
        fit(SUNNY), read, "good", quick, verbose=True
    )
    assert "up to 50 and up to 1,000 categories a column" in capsys.readouterr().err
    assert made.data.max_categories == 1_000
    assert sources == [SUNNY, made.data]
    assert dataset.feature_names == preprocessor.feature_names
    assert len(dataset.feature_names) > 100


@pytest.mark.parametrize(
    ("count", "data"), [(60, SUNNY), (120, replace(SUNNY, max_categories=40))]
)
def test_few_categories_and_a_number_that_the_user_gave_are_left_alone(count, data):
    read, sources = towns(count)
    made, dataset, _ = recommended_rows(fit(data), read, "good", quick)
    assert made.data == data
    assert sources == [data]
    assert len(dataset.feature_names) <= data.max_categories + 1


def test_categories_too_many_to_be_kept_cost_no_training(capsys):
    read, sources = towns(60, villages=4_000)
    made, *_ = recommended_rows(fit(SUNNY), read, "good", quick, verbose=True)
    assert made.data == SUNNY
    assert len(sources) == 2
    assert not capsys.readouterr().err


@pytest.fixture
def trained(monkeypatch):
    """Train nothing, but keep what would have been; each is better than the last."""
    kept = []

    def train(dataset, tasks, network, *_, **__):
        kept.append((dataset.train.x.shape[1], network))
        return SimpleNamespace(criterion=1 / len(kept))

    monkeypatch.setattr("polytask.lab.studies.better.train", train)
    return kept


def test_towns_of_few_rows_may_pass_by_the_trunk(trained, capsys):
    read, _ = towns(60, villages=300)
    made, dataset, _ = recommended_rows(fit(SUNNY), read, "good", small, verbose=True)
    assert "three short trainings first" in capsys.readouterr().err
    assert [network.additive for _, network in trained] == [(), (), ("town",)]
    assert made.network == trained[-1][1]
    assert (made.data.max_categories, made.data.min_frequency) == (1_000, 2)
    few, many, same = (features for features, _ in trained)
    assert few < 60 < 300 < many == same == dataset.train.x.shape[1]


def test_a_table_of_towns_alone_has_a_trunk(trained):
    read, _ = towns(120, numbers=0)
    made, *_ = recommended_rows(fit(SUNNY), read, "good", small)
    assert [network.additive for _, network in trained] == [(), ()]
    assert made.data.max_categories == 1_000


@pytest.mark.parametrize(
    ("option", "value"), [("min_frequency", 3), ("additive", ("town",))]
)
def test_what_the_user_says_of_towns_stays(trained, option, value):
    def change(options):
        options = small(options)
        mine = hasattr(options, option)
        return replace(options, **{option: value}) if mine else options

    read, _ = towns(120)
    made, *_ = recommended_rows(fit(change(SUNNY)), read, "good", change)
    assert made.data.max_categories == 1_000
    assert getattr(made.data if hasattr(SUNNY, option) else made.network, option) == (
        value
    )


def test_what_two_choices_have_in_common_is_trained_once(trained, capsys):
    read, _ = towns(120, numbers=NUMBERS)
    made, *_ = recommended_rows(fit(SUNNY), read, "good", small, verbose=True)
    said = capsys.readouterr().err
    assert "two short trainings first, with numbers" in said
    assert "two short trainings first, with up to 50" in said
    assert len(trained) == 4
    # Blurred, as the second was the better of the first two.
    assert made.network.embedding == "none"


def test_a_difference_that_may_be_chance_changes_nothing(monkeypatch):
    criteria = iter([1.0, 0.99, 0.985])

    def train(*_, **__):
        return SimpleNamespace(criterion=next(criteria))

    monkeypatch.setattr("polytask.lab.studies.better.train", train)
    read, _ = towns(60, villages=300)
    made, dataset, _ = recommended_rows(fit(SUNNY), read, "good", small)
    assert made.data == SUNNY
    assert made.network.additive == ()
    assert dataset.train.x.shape[1] < 60
