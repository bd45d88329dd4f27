import numpy as np
import pandas as pd
import pytest

from polytask.errors import TableWarning
from polytask.lab.tables import encode_targets, from_table, guess_columns
from polytask.lab.tables.giveaway import giveaways

ROWS = 400


def found(inputs, target, kind):
    tasks, y = encode_targets(pd.DataFrame({"t": target}), {"t": kind})
    return [g.column for g in giveaways(guess_columns(pd.DataFrame(inputs)), tasks, y)]


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_a_copy_of_a_target_in_another_form_is_found(random):
    label = random.integers(0, 2, ROWS)
    amount = np.exp(2 * random.normal(size=ROWS))
    noise = random.normal(size=ROWS)
    inputs = {
        "word": np.where(label, "paid", "open"),
        "date": np.where(label, "2026-01-02", None),
        "instant": np.where(
            label, np.datetime64("2026-01-02", "ns"), np.datetime64("NaT", "ns")
        ),
        "score": label + 0.1 * random.random(ROWS),
        "noise": noise,
        "hint": label + noise,
    }
    assert found(inputs, label, "binary") == [
        "word",
        "date",
        "instant",
        "score",
    ]
    inputs = {"cents": (100 * amount).round(), "log": np.log(amount), "noise": noise}
    assert found(inputs, amount, "regression") == ["cents", "log"]


def test_many_categories_do_not_tell_what_they_only_remember(random):
    names = random.choice([f"n{i}" for i in range(150)], ROWS)
    assert found({"name": names}, random.integers(0, 2, ROWS), "binary") == []


def test_few_rows_tell_nothing():
    label = np.tile([0, 1], 20)
    assert found({"copy": label}, label, "binary") == []


def test_labels_that_are_missing_do_not_hide_it(random):
    label = pd.Series(random.integers(0, 3, ROWS)).map({0: "a", 1: "b", 2: "c"})
    kept = label.where(random.random(ROWS) < 0.5)
    assert found({"copy": label.str.upper()}, kept, "multiclass") == ["copy"]


def test_a_data_set_notes_and_warns_of_it(random):
    label = random.integers(0, 2, ROWS)
    frame = pd.DataFrame({"x": random.normal(size=ROWS), "copy": 3 * label, "t": label})
    with pytest.warns(TableWarning, match="'copy' alone predicts 't' almost perfectly"):
        data = from_table(frame, ["t:binary"])[0]
    assert any("'copy' alone predicts" in note for note in data.facts["notes"])
