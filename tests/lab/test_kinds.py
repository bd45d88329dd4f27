import numpy as np
import pytest

from polytask.errors import UserError
from polytask.lab.kinds import KINDS, MISSING, Task, is_labeled, parse_task, task_kinds
from polytask.metric_direction import higher_is_better
from polytask.training.labels import MASK_VALUE


def test_a_task_is_split_at_its_last_colon():
    assert parse_task("time: morning:binary") == ("time: morning", "binary")


@pytest.mark.parametrize("text", ["income", ":binary", "income:", ""])
def test_an_incomplete_task_says_how_to_write_one(text):
    with pytest.raises(UserError, match="COLUMN:KIND"):
        parse_task(text)


def test_an_unknown_kind_suggests_the_nearest():
    with pytest.raises(UserError, match='Did you mean "binary"'):
        parse_task("income:binray")


def test_tasks_are_accepted_in_three_forms():
    expected = {"a": "binary", "b": "regression"}
    assert task_kinds(expected) == expected
    assert task_kinds(["a:binary", "b:regression"]) == expected
    assert task_kinds([("a", "binary"), ("b", "regression")]) == expected


def test_a_task_given_twice_or_none_at_all_is_refused():
    with pytest.raises(UserError, match="'a' is given twice"):
        task_kinds(["a:binary", "a:regression"])
    with pytest.raises(UserError, match="No task"):
        task_kinds([])


def test_output_units_follow_the_kind():
    assert Task("a", "binary", ("no", "yes")).output_units == 1
    assert Task("a", "multiclass", ("x", "y", "z")).output_units == 3
    assert Task("a", "regression").output_units == 1


def test_a_task_survives_plain_values():
    task = Task("größe", "regression", mean=1 / 3, scale=0.1)
    assert Task.from_dict(task.to_dict()) == task


def test_a_binary_task_needs_two_class_names():
    with pytest.raises(UserError, match="needs 2 class names"):
        Task("a", "binary", ("yes",))


def test_every_primary_metric_and_its_direction_are_known():
    for kind in KINDS.values():
        assert all(higher_is_better(m.name) is m.higher_is_better for m in kind.metrics)
        assert all(higher_is_better(m.name) is not None for m in kind.metrics)


def test_a_label_is_missing_by_nan_among_floats_and_minus_one_among_integers():
    assert is_labeled(np.array([0.0, np.nan, -1.0])).tolist() == [True, False, True]
    assert is_labeled(np.array([0, -1])).tolist() == [True, False]
    points = np.array([[1.0, 2.0], [1.0, np.nan]])
    assert is_labeled(points).tolist() == [True, False]
    assert is_labeled(np.zeros(0)).shape == (0,)
    assert MISSING == MASK_VALUE
