import os
from dataclasses import replace
from pathlib import Path

import pytest

from examples.datasets import load_taobao, taobao
from polytask.errors import UserError

PLACES = [os.environ.get("POLYTASK_DATA", ""), "../shared/data", "../../shared/data"]
REAL = next((p for p in PLACES if p and (Path(p) / "taobao_ehcf").exists()), "")
FILES = {
    "buy.train.txt": "uid\tsid\n0\t2\n1\t0\n1\t0\n",
    "buy.test.txt": "uid\tsid\n0\t1\n1\t4\n",
    "cart.csv": "uid\tsid\t3\n0\t1\tcart\n2\t2\tcart\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with three small files in place of the official ones."""
    plain = tuple(replace(file, sha256="") for file in taobao.TAOBAO.files)
    entry = replace(taobao.TAOBAO, files=plain, url="file:///nowhere.zip")
    monkeypatch.setattr(taobao, "TAOBAO", entry)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("POLYTASK_DATA", raising=False)
    place = tmp_path / "data" / "taobao_ehcf"
    place.mkdir(parents=True)
    for name, text in FILES.items():
        (place / name).write_text(text)
    return place


def test_pairs_are_kept_once_and_repetitions_counted(folder):
    data = load_taobao(folder.parent)
    assert data.bought.to_numpy().tolist() == [[0, 2], [1, 0]]
    assert data.bought_last.to_numpy().tolist() == [[0, 1], [1, 4]]
    assert data.cart.to_numpy().tolist() == [[0, 1], [2, 2]]
    assert (data.users, data.items) == (3, 5)
    assert data.facts["repeated"]["buy.train.txt"] == 1
    assert data.facts["bought and in the cart"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("uid\tsid\n0\tx\n", "line 2: expected user and item"),
        ("uid\tsid\n0\t1\n-1\t2\n", "line 3"),
        ("uid\tsid\n0\n", "line 2"),
        ("uid\tsid\n", "no line"),
        ("", "no line"),
    ],
)
def test_a_wrong_line_is_named(folder, content, message):
    (folder / "cart.csv").write_text(content)
    with pytest.raises(UserError, match=rf"cart\.csv.*{message}"):
        load_taobao(folder.parent)


def test_a_missing_file_is_named(folder):
    (folder / "cart.csv").unlink()
    with pytest.raises(UserError, match=r"missing: cart\.csv"):
        load_taobao(folder.parent)


@pytest.mark.skipif(not REAL, reason="needs taobao_ehcf: set POLYTASK_DATA")
def test_most_purchases_did_not_pass_through_the_cart_file():
    facts = load_taobao(REAL).facts
    rows = facts["rows"]
    share = facts["bought and in the cart"] / (rows["bought"] + rows["bought last"])
    assert 0.14 < share < 0.16
