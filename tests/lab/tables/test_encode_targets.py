import numpy as np
import pandas as pd
import pytest

from polytask.errors import UserError
from polytask.lab.tables import encode_labels, encode_targets


def encode(values, kind, **options):
    tasks, y = encode_targets(pd.DataFrame({"t": values}), {"t": kind}, **options)
    return tasks[0], y["t"]


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([0, 1, None], ("0", "1")),
        ([1.0, 0.0, None], ("0", "1")),
        ([True, False, None], ("false", "true")),
        (["True", "false", None], ("false", "true")),
        (["yes", "no", ""], ("no", "yes")),
        (["sick", "healthy", None], ("healthy", "sick")),
        ([10, 9, None], ("9", "10")),
        ([-1, 1, None], ("-1", "1")),
        (["ü<b>", "a", None], ("a", "ü<b>")),
    ],
)
def test_the_positive_class_is_the_one_sorted_last(values, classes):
    task, y = encode(values, "binary")
    assert task.classes == classes
    assert y.dtype == np.float32
    assert np.isnan(y[2])
    assert sorted(y[:2]) == [0, 1]


def test_classes_are_numbered_in_order_and_missing_ones_are_minus_one():
    task, y = encode(["b", None, "c", "a"], "multiclass")
    assert task.classes == ("a", "b", "c")
    assert y.dtype == np.int32
    assert y.tolist() == [1, -1, 2, 0]


def test_a_class_labeled_minus_one_is_not_a_missing_label():
    task, y = encode([-1, 0, 1, None], "multiclass")
    assert task.classes == ("-1", "0", "1")
    assert y.tolist() == [0, 1, 2, -1]


def test_regression_keeps_the_original_units():
    task, y = encode([1.5, None, "3"], "regression")
    assert task.classes == ()
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, [1.5, np.nan, 3])


def test_new_rows_get_the_codes_of_training():
    task, _ = encode([0, 1, None], "binary")
    labels = encode_labels(pd.Series([1.0, 1.0, np.nan]), task)
    np.testing.assert_array_equal(labels, [1, 1, np.nan])
    with pytest.raises(UserError, match="the label '2' in row 2"):
        encode_labels(pd.Series([1, 2]), task)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 1, None], "binary", "every label in column 't' is '1'"),
        (["a", "a"], "multiclass", "every label in column 't' is 'a'"),
        ([2.5, 2.5], "regression", "every label in column 't' is '2.5'"),
        ([None, None], "binary", "all 2 labels in column 't' are missing"),
        ([None, None], "regression", "all 2 labels in column 't' are missing"),
        (["tall", "1"], "regression", "t:regression: .* row 1 holds 'tall'"),
        ([1.0, np.inf], "regression", "infinite value in row 2"),
        ([1.0, np.inf], "binary", "infinite value in row 2"),
        ([1.0, 1e300], "regression", "beyond the range"),
        ([0, 1, 2], "binary", "3 different labels .* Did you mean t:regression"),
        (["a", "b", "c"], "binary", "3 different labels .* Did you mean t:multiclass"),
        (range(101), "multiclass", "101 different labels .* at most 100"),
    ],
)
def test_labels_that_do_not_fit_the_kind_are_refused(values, kind, expected):
    with pytest.raises(UserError, match=expected):
        encode(list(values), kind)


def test_the_number_of_classes_can_be_raised():
    assert len(encode(range(101), "multiclass", max_classes=200)[0].classes) == 101


def test_an_absent_column_is_named_and_the_nearest_suggested():
    with pytest.raises(UserError, match=r"no column 'incme'.*Did you mean \"income\""):
        encode_targets(pd.DataFrame({"income": [0, 1]}), {"incme": "binary"})


def test_grades_are_ranked_by_their_numbers():
    task, y = encode(["10 worst", "2 fair", "1 good", None], "ordinal")
    assert task.classes == ("1 good", "2 fair", "10 worst")
    assert y.tolist() == [2, 1, 0, -1]
    assert encode([3, 1, 2, None], "ordinal")[0].classes == ("1", "2", "3")
    assert encode(["C", "A", "B"], "ordinal")[0].classes == ("A", "B", "C")


def test_ordered_categories_keep_their_order():
    grades = ["low", "mid", "high", "unused"]
    values = pd.Categorical(["high", "low", None, "mid"], grades, ordered=True)
    task, y = encode(values, "ordinal")
    assert task.classes == ("low", "mid", "high")
    assert y.tolist() == [2, 0, -1, 1]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["low", "mid", "high"], "ordinal", "order of the labels .* cannot be told"),
        ([0, 1, None], "ordinal", "Did you mean t:binary"),
        ([0, 1.5], "count", r"holds 1\.5 in row 2 .* whole number from 0"),
        ([3, -1], "count", "holds -1 in row 2"),
        ([1.0, 0.0], "positive", "holds 0 in row 2 .* a number above 0"),
        (["many", "1"], "count", "row 1 holds 'many'"),
    ],
)
def test_labels_that_do_not_fit_the_new_kinds_are_refused(values, kind, expected):
    with pytest.raises(UserError, match=expected):
        encode(values, kind)


def test_counts_and_positive_numbers_keep_the_original_units():
    for kind in ("count", "positive"):
        task, y = encode([1, None, 30], kind)
        assert task.classes == ()
        np.testing.assert_array_equal(y, np.array([1, np.nan, 30], "float32"))
