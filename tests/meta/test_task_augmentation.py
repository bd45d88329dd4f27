"""Episodes whose labels are changed as a whole."""

import numpy as np
import pytest

from polytask import UserError
from polytask.meta import Episodes, TaskAugmentation


def episodes(labels, count=40):
    """Episodes of one data set of six rows, numbered by their input."""
    rows = np.arange(6.0)[:, None]
    draws = Episodes({"only": (rows, labels)}, support=3, query=4, per_step=count)
    return draws.draw()


def ones(batch):
    (_, y), (_, later) = batch
    return np.concatenate([y, later], axis=1)


def test_a_shift_is_one_number_of_its_deviation_for_all_rows_of_an_episode():
    drawn = [episodes(np.zeros(6), count=2000)]
    (found,) = map(ones, TaskAugmentation(drawn, shift=3.0, seed=1))
    # Four query rows of three are wanted: the last has no label, and gets none.
    assert np.isnan(found[:, -1]).all()
    known = found[:, :-1]
    np.testing.assert_array_equal(known, np.repeat(known[:, :1], 6, axis=1))
    assert abs(known[:, 0].std() - 3) < 0.2
    assert abs(known[:, 0].mean()) < 0.3


def test_a_scale_multiplies_and_the_logarithm_of_the_factor_has_the_deviation():
    labels = np.array([1.0, -2.0, 4.0, 0.0, 1.0, 1.0])
    drawn = [episodes(labels, count=2000)]
    (plain,), (found,) = map(ones, drawn), map(ones, TaskAugmentation(drawn, scale=0.5))
    factor = np.nanmax(found, axis=1) / np.nanmax(plain, axis=1)
    np.testing.assert_allclose(found, plain * factor[:, None], rtol=1e-6)
    assert abs(np.log(factor).std() - 0.5) < 0.05


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_classes_change_their_numbers_with_each_other_in_every_order(dtype):
    labels = np.array([0, 1, 2, 0, 1, 2]).astype(dtype)
    drawn = [episodes(labels, count=300)]
    (plain,), (found,) = map(ones, drawn), map(ones, TaskAugmentation(drawn, classes=3))
    orders = set()
    for before, after in zip(plain[:, :-1], found[:, :-1], strict=True):
        pairs = sorted(set(zip(before.tolist(), after.tolist(), strict=True)))
        assert [old for old, _ in pairs] == [0, 1, 2]
        orders.add(tuple(int(new) for _, new in pairs))
    assert len(orders) == 6
    np.testing.assert_array_equal(found[:, -1], plain[:, -1])
    assert found.dtype == plain.dtype


def test_each_task_has_its_own_changes_and_the_seed_draws_them_again():
    labels = {"size": np.ones(6), "kind": np.array([0, 1] * 3), "price": np.ones(6)}
    drawn = [episodes(labels)]
    changes = {"shift": {"size": 1.0}, "classes": {"kind": 2}, "seed": 4}
    ((_, y), _), ((_, again), _) = (
        next(iter(TaskAugmentation(drawn, **changes))) for _ in range(2)
    )
    assert len(set(y["size"][:, 0].tolist())) == 40
    assert 5 < (y["kind"] != drawn[0][0][1]["kind"]).all(axis=1).sum() < 35
    np.testing.assert_array_equal(y["price"], np.ones((40, 3)))
    np.testing.assert_array_equal(y["size"], again["size"])


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (np.ones(6), {"shift": -1.0}, "shift"),
        (np.ones(6), {"scale": "much"}, "scale"),
        (np.ones(6), {"classes": 1}, "2 or more, or 0; found 1"),
        (np.full(6, 2), {"classes": 2}, "from 0 to 1; found 2 to 2"),
        (np.full(6, 0.5), {"classes": 2}, "from 0 to 1; found 0.5"),
        (np.ones((6, 3)), {"classes": 3}, r"one a row; found labels of shape \(3, 3\)"),
        (np.ones(6, int), {"shift": 1.0}, "labels that are floats; found int64"),
        (np.ones(6), {"shift": {"size": 1.0}}, "have labels without a task"),
        (
            {"size": np.ones(6)},
            {"shift": {"age": 1.0}},
            '"age"; the episodes have size',
        ),
    ],
)
def test_a_change_that_has_no_meaning_is_refused(labels, options, message):
    with pytest.raises(UserError, match=message):
        next(iter(TaskAugmentation([episodes(labels)], **options)))
