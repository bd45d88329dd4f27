import numpy as np
import pytest

from polytask.errors import UserError
from polytask.lab.tables.split_rows import split_rows


def test_every_row_is_in_one_part():
    parts = split_rows(np.arange(101) % 3, (0.5, 0.3, 0.2))
    assert sorted(np.concatenate(list(parts.values()))) == list(range(101))
    assert [len(rows) for rows in parts.values()] == [51, 30, 20]


def test_the_seed_decides():
    strata = np.zeros(50, int)
    again = [split_rows(strata, seed=seed)["train"].tolist() for seed in (0, 0, 1)]
    assert again[0] == again[1] != again[2]


def test_strata_keep_their_shares():
    strata = np.repeat([0, 1], [950, 50])
    for part, share in zip(split_rows(strata).values(), (0.6, 0.2, 0.2), strict=True):
        assert strata[part].sum() == round(50 * share)


@pytest.mark.parametrize("counts", [[98, 1, 1], [96, 2, 2], [50, 1], [3] * 30, [1] * 5])
def test_small_strata_do_not_stop_the_split(counts):
    strata = np.repeat(np.arange(len(counts)), counts)
    parts = split_rows(strata)
    assert sum(len(rows) for rows in parts.values()) == len(strata)


def test_three_rows_are_the_fewest():
    assert [len(rows) for rows in split_rows(np.zeros(3, int)).values()] == [1, 1, 1]
    for rows in (0, 1, 2):
        with pytest.raises(UserError, match=f"{rows} labeled row"):
            split_rows(np.zeros(rows, int))


@pytest.mark.parametrize("split", [(0.6, 0.4), (0.6, 0.0, 0.4), (0.6, 0.3, 0.2)])
def test_shares_that_do_not_fit_are_refused(split):
    with pytest.raises(UserError, match="sum to 1"):
        split_rows(np.zeros(10, int), split)


def test_there_may_be_no_test_rows():
    parts = split_rows(np.zeros(10, int), (0.8, 0.2, 0.0))
    assert [len(rows) for rows in parts.values()] == [8, 2, 0]
