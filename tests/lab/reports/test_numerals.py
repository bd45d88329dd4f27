import math

import numpy as np
import pytest

from polytask.lab.reports.numerals import (
    MISSING,
    count,
    decimals_for,
    number,
    percent,
    plain_value,
    seconds,
)
from polytask.lab.reports.seed_statistic import SeedStatistic


@pytest.mark.parametrize("value", [None, math.nan])
def test_what_is_missing_is_never_a_number(value):
    assert number(value, 2) == MISSING
    assert percent(value, 1, signed=True) == MISSING
    assert count(value) == MISSING
    assert seconds(value) == MISSING


def test_a_diverged_value_is_infinite_not_missing():
    assert number(math.inf, 2) == "∞"
    assert number(-math.inf, 2) == "\N{MINUS SIGN}∞"


def test_a_value_that_rounds_to_zero_has_no_sign():
    assert number(-0.0004, 2, signed=True) == "0.00"
    assert percent(0.0004, 2, signed=True) == "0.00%"


def test_negative_numbers_have_a_minus_sign_not_a_hyphen():
    assert number(-1.5, 1) == "\N{MINUS SIGN}1.5"


@pytest.mark.parametrize(
    ("spreads", "values", "decimals"),
    [
        ([0.004, 0.003], [0.9], 4),
        ([0.4], [6.2], 2),
        ([12.0], [640.0], 0),
        ([math.nan, 0.0], [0.9], 4),
        ([], [], 2),
        ([1e-12], [1.0], 6),
    ],
)
def test_decimals_follow_the_spread(spreads, values, decimals):
    assert decimals_for(spreads, values) == decimals


def test_settings_are_written_as_one_would():
    assert plain_value(1e-4) == "0.0001"
    assert plain_value({"l1": 1e-4, "l2": True}) == "l1: 0.0001, l2: yes"
    assert plain_value(100_000) == "100,000"


def test_a_mean_of_fewer_seeds_or_repeats_than_asked_for_says_so():
    values = np.array([1.0, math.nan, 3.0])
    assert SeedStatistic.of(values, 3).note == "2 of 3 seeds"
    assert SeedStatistic.of(values, 3, "repeat").note == "2 of 3 repeats"
    assert SeedStatistic.of(values[:1], 1).note == ""
