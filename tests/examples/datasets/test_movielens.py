import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from examples.datasets import load_movielens, movielens
from polytask.errors import UserError

PLACES = [os.environ.get("POLYTASK_DATA", ""), "../shared/data", "../../shared/data"]
REAL = next((p for p in PLACES if p and (Path(p) / "ml-100k" / "u.data").exists()), "")
FILES = {
    "u.data": "1\t1\t5\t100\n1\t2\t3\t110\n2\t1\t4\t90\n2\t3\t1\t95\n",
    "u.user": "1|24|M|technician|85711\n2|53|F|other|T8H1N\n",
    "u.item": "1|Toy Story (1995)|01-Jan-1995||http://a|0|1\n"
    "2|L\xe9on (1994)|||http://b|1|0\n3|Third|02-Feb-1990|||0|0\n",
    "u.genre": "unknown|0\nAction|1\n\n",
    "u1.base": "1\t1\t5\t100\n2\t3\t1\t95\n",
    "u1.test": "2\t1\t4\t90\n1\t2\t3\t110\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with six small files in place of the official ones."""
    plain = tuple(replace(file, sha256="") for file in movielens.MOVIELENS.files)
    entry = replace(movielens.MOVIELENS, files=plain, url="file:///nowhere.zip")
    monkeypatch.setattr(movielens, "MOVIELENS", entry)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("POLYTASK_DATA", raising=False)
    place = tmp_path / "data" / "ml-100k"
    place.mkdir(parents=True)
    for name, text in FILES.items():
        (place / name).write_text(text, encoding="latin-1")
    return place


def test_ids_count_from_zero_and_tables_are_in_their_order(folder):
    data = load_movielens(folder.parent)
    assert data.ratings["user"].tolist() == [0, 0, 1, 1]
    assert data.ratings["item"].tolist() == [0, 1, 0, 2]
    assert data.ratings["rating"].tolist() == [5.0, 3.0, 4.0, 1.0]
    assert data.ratings["time"].tolist() == [100, 110, 90, 95]
    assert data.users["occupation"].tolist() == ["technician", "other"]
    assert data.users["zip"].tolist() == ["85711", "T8H1N"]
    assert data.genres == ("unknown", "Action")
    assert data.items["Action"].tolist() == [True, False, False]
    assert data.items["title"][1] == "Léon (1994)"
    assert data.items["released"].isna().tolist() == [False, True, False]


def test_a_fold_is_row_numbers_of_the_ratings(folder):
    data = load_movielens(folder.parent)
    assert list(data.folds) == ["u1"]
    assert data.folds["u1"].train.tolist() == [0, 3]
    assert data.folds["u1"].test.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("u.data", "1\t1\t6\t100\n", r"u\.data, line 1: rating is .*6.*from 1 to 5"),
        ("u.data", "1\t1\t5\t1\n1\t2\t0\t1\n", r"line 2: rating .* 1 of 2 lines"),
        ("u.data", "1\t1\t4.5\t100\n", "integer"),
        ("u.data", "1\t1\tgood\t100\n", "rating is 'good'"),
        ("u.data", "1\t4\t5\t100\n", r"item is .*4.* from 1 to 3"),
        ("u.data", "0\t1\t5\t100\n", r"user is .*0.* from 1 to 2"),
        ("u.data", "1\t1\t5\n", r"time is"),
        ("u.data", "", r"u\.data holds no rating"),
        ("u.data", "1\t1\t5\t9\n1\t1\t4\t9\n", "user 1 and film 1 more than once"),
        ("u1.base", "2\t2\t5\t100\n", "rates film 2 by user 2, which u.data does not"),
        ("u.user", "2|53|F|other|94043\n", r"line 1: user is 2; expected 1"),
        ("u.user", "1|old|F|other|94043\n", r"age is 'old'"),
        ("u.item", FILES["u.item"].replace("|0|1\n", "|0|2\n"), "Action is .*2"),
        ("u.item", "1|Toy Story\n", r"u\.item"),
    ],
)
def test_a_wrong_line_is_named(folder, file, content, message):
    (folder / file).write_text(content, encoding="latin-1")
    with pytest.raises(UserError, match=message):
        load_movielens(folder.parent)


def test_a_missing_file_is_named(folder):
    (folder / "u.item").unlink()
    with pytest.raises(UserError, match=r"missing: u\.item"):
        load_movielens(folder.parent)


def test_a_truncated_official_file_is_refused(tmp_path):
    place = tmp_path / "ml-100k"
    place.mkdir()
    for name, text in FILES.items():
        (place / name).write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"u\.data is not the expected .* SHA-256"):
        load_movielens(tmp_path)


@pytest.mark.skipif(not REAL, reason="needs ml-100k: set POLYTASK_DATA to its parent")
def test_the_official_folds_are_five_disjoint_fifths():
    data = load_movielens(REAL)
    assert (len(data.users), len(data.items)) == (943, 1682)
    tests = [data.folds[f"u{k}"].test for k in range(1, 6)]
    assert np.array_equal(np.sort(np.concatenate(tests)), np.arange(100_000))
    for fold in data.folds.values():
        both = np.concatenate([fold.train, fold.test])
        assert np.array_equal(np.sort(both), np.arange(100_000))
    per_user = data.ratings.iloc[data.folds["ua"].test].groupby("user").size()
    assert (per_user == 10).all()
