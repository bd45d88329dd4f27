import numpy as np
import pandas as pd
import pytest

from polytask.lab.tables import guess_columns

ROWS = 60


def kind(values, name="column"):
    [guess] = guess_columns(pd.DataFrame({name: values}))
    return guess.kind


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.5, 2.5, None] * 20, "numeric"),
        ([1, 2, 3] * 20, "numeric"),
        (["1", "2.5", None] * 20, "numeric"),
        ([0, 1] * 30, "boolean"),
        ([0.0, 1.0, None] * 20, "boolean"),
        ([True, False] * 30, "boolean"),
        ([True, None, False] * 20, "boolean"),
        (["Yes", "no", None] * 20, "boolean"),
        (["a", "b", None] * 20, "categorical"),
        (["01234", "12345"] * 30, "categorical"),
        (["2026-01-31", "2026-02-01 12:30", None] * 20, "date"),
        (["31.01.2026", "01.02.2026"] * 30, "date"),
        (["01/31/2026", "02/01/2026"] * 30, "date"),
        (["31/01/2026", "01/02/2026"] * 30, "date"),
        (["01/02/2026", "02/03/2026"] * 30, "categorical"),
        ([None] * 60, "empty"),
        (["x"] * 60, "constant"),
        ([7] * 60, "constant"),
        (["x", None] * 30, "categorical"),
        (list(range(100, 160)), "id"),
        ([f"user{i}" for i in range(60)], "id"),
        ([f"the {i}th of many long remarks" for i in range(60)], "text"),
    ],
)
def test_the_kind_follows_the_documented_rule(values, expected):
    assert kind(values) == expected


def test_whole_numbers_all_different_are_an_id_only_by_name():
    values = [i * i for i in range(ROWS)]
    assert kind(values, "salary") == "numeric"
    assert kind(values, "customer_id") == "id"


def test_dates_stored_as_dates_are_dates():
    assert kind(pd.date_range("2026-01-01", periods=ROWS)) == "date"
    assert kind(pd.period_range("2026-01", periods=ROWS, freq="M")) == "date"


def test_every_guess_has_a_reason_and_keeps_the_order():
    frame = pd.DataFrame({"b": [1, 2], "a": ["x", "y"], "<b>": [np.nan, np.nan]})
    guesses = guess_columns(frame)
    assert [guess.name for guess in guesses] == ["b", "a", "<b>"]
    assert all(guess.reason for guess in guesses)
    assert [guess.used for guess in guesses] == [True, True, False]
