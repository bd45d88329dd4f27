"""The recommendation example runs from one command on small generated files."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from examples.datasets import movielens, taobao
from polytask.lab.studies import Outcome
from tests.helpers.program_modules import modules_of

pytest.importorskip("keras_rs")
pytest.importorskip("matplotlib")

USERS, FILMS, GENRES = 24, 30, ("unknown", "Action", "Drama")


@pytest.fixture
def example():
    """The example's modules, imported as its command imports them."""
    with modules_of("examples/recommendation"):
        yield


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    """Small files in the layout of the official ones."""
    rng = np.random.default_rng(0)
    monkeypatch.delenv("POLYTASK_DATA", raising=False)
    for module, entry in ((movielens, "MOVIELENS"), (taobao, "TAOBAO")):
        known = getattr(module, entry)
        files = tuple(replace(file, sha256="") for file in known.files)
        monkeypatch.setattr(module, entry, replace(known, files=files))
    ratings = [
        f"{u + 1}\t{i + 1}\t{rng.integers(1, 6)}\t{rng.integers(10_000)}"
        for u in range(USERS)
        for i in np.sort(rng.permutation(FILMS)[:12])
    ]
    half = len(ratings) // 2
    write(
        tmp_path / "ml-100k",
        {
            "u.data": ratings,
            "u1.base": ratings[:half],
            "u1.test": ratings[half:],
            "u.user": [
                f"{u + 1}|{20 + u}|{'FM'[u % 2]}|{'ab'[u % 3 == 0]}|{u}0000"
                for u in range(USERS)
            ],
            "u.item": [
                f"{i + 1}|Film {i}|01-Jan-19{50 + i}||http://x|0|{i % 2}|{1 - i % 2}"
                for i in range(FILMS)
            ],
            "u.genre": [f"{genre}|{k}" for k, genre in enumerate(GENRES)],
        },
    )
    pairs = np.unique(rng.integers([60, 50], size=(400, 2)), axis=0)
    bought, cart = pairs[::2], pairs[1::2]
    lines = [f"{u}\t{i}" for u, i in bought]
    write(
        tmp_path / "taobao_ehcf",
        {
            "buy.train.txt": ["uid\tsid", *lines[:-60]],
            "buy.test.txt": ["uid\tsid", *lines[-60:]],
            "cart.csv": ["uid\tsid\t3", *(f"{u}\t{i}\tcart" for u, i in cart)],
        },
    )
    return tmp_path


def write(folder, files):
    folder.mkdir()
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n")


@pytest.mark.slow
def test_one_command_writes_the_page_and_a_network_that_loads(
    example, data_dir, tmp_path, monkeypatch
):
    import recommendation
    import variants

    # The trained networks are what takes time: the baseline is left out.
    monkeypatch.setattr(variants, "SINGLE", {})
    monkeypatch.setattr(variants, "BASELINE", variants.PLAIN)
    out = tmp_path / "out"
    recommendation.main(["--quick", "--data-dir", str(data_dir), "--out", str(out)])
    page = (out / "report.html").read_text()
    assert page.count("<img") >= 4
    assert variants.ALL in page
    network = keras.saving.load_model(out / "network.keras")
    assert network.task_names == ["watch", "like", "rating"]


@pytest.mark.slow
def test_strengths_are_compared_without_the_test_rows(
    example, data_dir, tmp_path, monkeypatch, capsys
):
    import recommendation
    import variants

    few = {name: variants.CANDIDATES[name] for name in (variants.PLAIN, "dropout 0.1")}
    monkeypatch.setattr(variants, "CANDIDATES", few)
    out = tmp_path / "out"
    recommendation.main(
        ["--validate", "--quick", "--data-dir", str(data_dir), "--out", str(out)]
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("  ")[0] for line in lines] == list(few)
    assert lines[0].split()[-1] == "+0.00"
    assert all("watch" in line and "rating" in line for line in lines)
    stored = json.loads(next((out / "validation" / "runs").iterdir()).read_text())
    assert {split for _, split, *_ in stored["scores"]} == {"train", "validation"}


@pytest.mark.slow
@pytest.mark.parametrize("sharing", ["mmoe", "ple"])
def test_a_network_with_experts_has_the_tasks_of_the_plain_one(
    example, data_dir, sharing
):
    from fit import Problem
    from network import Options

    from examples.datasets import load_movielens

    problem = Problem(load_movielens(data_dir), quick=True)
    found = problem.outcome(Options(sharing=sharing), seed=0, together=True)
    plain = problem.outcome(Options(), seed=0, together=True)
    assert set(found.scores["test"]) == {"watch", "like", "rating"}
    assert found.extra["parameters"] > plain.extra["parameters"]


@pytest.mark.slow
def test_networks_for_each_task_have_options_and_members_of_their_own(
    example, data_dir
):
    from fit import Problem
    from network import Options
    from rows import TASKS

    from examples.datasets import load_movielens

    problem = Problem(load_movielens(data_dir), quick=True)
    size = {
        members: problem.outcome(
            {task: Options(members=members) for task in TASKS}, 0, together=False
        ).extra["parameters"]
        for members in (1, 2)
    }
    assert size[2] == 2 * size[1]


@pytest.mark.parametrize("kept", [["gender=F", "genre=Drama"], ["genre=Drama"]])
def test_a_network_that_is_trained_again_reads_the_chosen_columns_only(
    example, data_dir, kept
):
    from fit import Problem
    from network import Options, build
    from rows import TASKS
    from selection import columns_read, kept_features

    from examples.datasets import load_movielens

    problem = Problem(load_movielens(data_dir), quick=True)
    catalog = problem.catalog
    chooser = build(catalog, TASKS, Options())
    for side, names in (("user", catalog.user_names), ("item", catalog.item_names)):
        layer = chooser.get_layer(f"{side}_features_to_factors")
        chosen = np.isin(names, kept)[:, None]
        layer.set_weights([chosen * np.ones(layer.kernel.shape)])
    columns = columns_read(chooser, catalog)
    assert [catalog.cross_names[i] for i in columns["cross_features"]] == (
        ["gender=F × genre=Drama"] if len(kept) == 2 else []
    )

    again = build(catalog, TASKS, Options(), columns)
    assert kept_features(again, catalog)["factors"] == kept
    x = problem.evaluations["validation"].x

    def predicted(moved):
        tables = {
            t: x[t] + moved(np.arange(x[t].shape[1]), columns[t]) for t in columns
        }
        return again.predict({**x, **tables}, verbose=0)["rating"]

    before = again.predict(x, verbose=0)["rating"]
    others = predicted(lambda places, read: ~np.isin(places, read))
    np.testing.assert_allclose(others, before, rtol=1e-5)
    assert not np.allclose(predicted(np.isin), before, rtol=1e-4)


def test_a_folder_without_the_data_ends_with_one_message(example, tmp_path):
    import recommendation

    (tmp_path / "ml-100k").mkdir()
    (tmp_path / "ml-100k" / "u.data").write_text("1\t1\t5\t1\n")
    with pytest.raises(SystemExit, match=r"recommendation: .* missing: "):
        recommendation.main(["--data-dir", str(tmp_path)])


def test_a_ranking_metric_is_that_of_its_definition(example, monkeypatch):
    import evaluate
    import pandas as pd

    rng = np.random.default_rng(0)
    values = rng.random((3, 15)).astype("float32")
    seen = rng.random((3, 15)) < 0.2
    test = pd.DataFrame({"user": [0, 0, 1, 2, 2], "item": [1, 4, 9, 3, 14]})
    seen[test["user"], test["item"]] = False

    class Known:
        def inputs(self, user, item):
            return {"user": user, "item": item}

        def predict(self, x, **options):
            return {"watch": values[x["user"], x["item"]][:, None]}

    found = evaluate.ndcg(Known(), Known(), test, seen)
    expected = []
    for user in range(3):
        relevant = set(test["item"][test["user"] == user])
        order = np.argsort(np.where(seen[user], 1.0, -values[user]))[:10]
        gains = [1 / np.log2(r + 2) for r, film in enumerate(order) if film in relevant]
        best = [1 / np.log2(r + 2) for r in range(len(relevant))]
        expected.append(sum(gains) / sum(best))
    np.testing.assert_allclose(found, np.mean(expected), rtol=1e-5)


def test_the_split_by_time_keeps_the_order_within_each_user(example):
    import pandas as pd
    from rows import time_split

    rng = np.random.default_rng(0)
    ratings = pd.DataFrame(
        {"user": rng.integers(5, size=200), "time": rng.integers(50, size=200)}
    )
    parts = time_split(ratings)
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(200))
    for _, rows in ratings.groupby("user"):
        times = [
            ratings["time"][np.intersect1d(rows.index, part)] for part in parts.values()
        ]
        assert times[0].max() <= times[1].min()
        assert times[1].max() <= times[2].min()


def test_negatives_are_films_that_the_user_did_not_watch(example):
    import pandas as pd
    from rows import with_negatives

    watched = np.random.default_rng(0).random((6, 20)) < 0.7
    users, films = np.nonzero(watched)
    rows = pd.DataFrame({"user": users, "item": films, "rating": 3.0})
    user, film, rating = with_negatives(rows, watched, seed=1)
    negative = np.isnan(rating)
    assert negative.sum() == len(rows)
    assert not watched[user[negative], film[negative]].any()
    assert np.array_equal(np.bincount(user[negative]), np.bincount(users))


def test_the_pairs_of_the_test_part_are_in_no_training_row(example, data_dir):
    from taobao_pairs import Pairs

    from examples.datasets import load_taobao

    pairs = Pairs(load_taobao(data_dir), users=60)
    keys = {
        name: set(map(tuple, table[["user", "item"]].to_numpy()))
        for name, table in pairs.tables.items()
    }
    assert not keys["test"] & keys["train"]
    assert not keys["validation"] & keys["train"]
    for name in keys:
        _, y = pairs.rows(name, seed=0)
        assert (y["buy"] <= y["cart"]).all()


def test_an_outcome_of_the_folds_holds_the_error_of_both_parts(example, data_dir):
    import folds

    from examples.datasets import load_movielens

    data = load_movielens(data_dir)
    found = folds.biases(data, data.folds["u1"])
    assert isinstance(found, Outcome)
    assert found.value("train", "rating", "rmse") < found.value(
        "test", "rating", "rmse"
    )
