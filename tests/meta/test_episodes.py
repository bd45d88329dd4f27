"""Episodes drawn from data sets."""

import numpy as np
import pytest

from polytask import UserError
from polytask.meta import Episodes


def schools(sizes=(5, 9)):
    """Data sets whose inputs and labels say the data set and the row."""
    rows = {f"s{i}": 100.0 * i + np.arange(size) for i, size in enumerate(sizes)}
    return {name: (values[:, None], values) for name, values in rows.items()}


def test_support_and_query_are_different_rows_of_one_data_set():
    episodes = Episodes(schools(), support=3, query=2, per_step=2, seed=1)
    (x, y), (xq, yq) = episodes.draw()
    assert x.shape == (2, 3, 1)
    assert yq.shape == (2, 2)
    np.testing.assert_array_equal(x[..., 0], y)
    np.testing.assert_array_equal(xq[..., 0], yq)
    rows = np.concatenate([y, yq], axis=1)
    assert len(set((rows[:, 0] // 100).tolist())) == 2
    for own in rows:
        assert len(set(own)) == 5
        assert len(set(own // 100)) == 1


def test_a_small_data_set_has_query_rows_without_a_label():
    (_, y), (xq, yq) = Episodes(schools((5,)), support=3, query=4, per_step=3).draw()
    assert not np.isnan(y).any()
    assert (np.isnan(yq).sum(axis=1) == 2).all()
    assert not np.isnan(xq).any()


def test_labels_by_task_and_missing_whole_numbers_stay_what_they_are():
    x = np.zeros((4, 2))
    labels = {"kind": np.array([0, 1, 2, 1]), "size": np.ones(4)}
    episodes = Episodes({"only": (x, labels)}, support=3, query=2, per_step=1)
    (_, y), (_, yq) = episodes.draw()
    assert y["kind"].dtype.kind == "i"
    assert (yq["kind"][0] == -1).tolist() == [False, True]
    assert np.isnan(yq["size"][0]).tolist() == [False, True]


def test_the_same_seed_draws_the_same_episodes():
    first, second = (Episodes(schools(), 2, 2, seed=3).draw() for _ in range(2))
    np.testing.assert_array_equal(first[0][0], second[0][0])


def test_query_rows_of_a_context_follow_the_support_rows_whose_labels_are_gone():
    sources = {
        name: ({"row": x}, {"value": y}) for name, (x, y) in schools((5, 9)).items()
    }
    episodes = Episodes(sources, 3, 4, per_step=2, context="known")
    (x, y), (xq, yq) = episodes.draw()
    assert sorted(x) == ["known", "row"]
    np.testing.assert_array_equal(x["known"], np.ones((2, 3)))
    np.testing.assert_array_equal(xq["known"], [[1, 1, 1, 0, 0, 0, 0]] * 2)
    np.testing.assert_array_equal(xq["row"][:, :3], x["row"])
    np.testing.assert_array_equal(x["row"][..., 0], y["value"])
    assert np.isnan(yq["value"][:, :3]).all()
    later = yq["value"][:, 3:]
    known = ~np.isnan(later)
    assert sorted(known.sum(axis=1).tolist()) == [2, 4]
    np.testing.assert_array_equal(later[known], xq["row"][:, 3:, 0][known])


@pytest.mark.parametrize(
    ("sources", "options", "message"),
    [
        (schools(), {"context": "c"}, "one more input of a model whose inputs have"),
        (
            {"a": ({"x": np.ones(9)}, np.ones(9)), "b": (np.ones(9), np.ones(9))},
            {"support": 2},
            '"b" has inputs without a name; those of "a" are of x',
        ),
        (
            {"a": ({"x": np.ones(9), "z": np.ones(3)}, np.ones(9))},
            {"support": 2},
            "9 rows of inputs and 3 inputs of z",
        ),
        ({}, {}, "at least one data set"),
        (schools(), {"support": 5}, '"s0" has 5 rows; an episode needs support=5'),
        (schools(), {"query": 0}, "query must be at least 1"),
        ({"a": (np.ones((3, 1)), np.ones(2))}, {}, "3 rows of inputs and 2 labels"),
        (
            {**schools(), "b": (np.ones((9, 1)), {"t": np.ones(9)})},
            {"support": 2},
            'The data set "b" has labels of t',
        ),
    ],
)
def test_wrong_data_sets_are_named(sources, options, message):
    with pytest.raises(UserError, match=message):
        Episodes(sources, **options)
