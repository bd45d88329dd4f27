import numpy as np
import pandas as pd
import pytest

from polytask.errors import UserError
from polytask.lab.tables import Preprocessor, encode_targets, from_table
from polytask.lab.tables.forms import number_form
from polytask.lab.tables.read_column import read_column


def read(texts, **options):
    return read_column(pd.Series(texts), "price", **options)


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["1,5", "2,75", None], [1.5, 2.75, np.nan]),
        (["1.234,50 €", "-3 €"], [1234.5, -3]),
        (["$1,234.50", "$-5"], [1234.5, -5]),
        (["1,234", "1,234,567"], [1234, 1234567]),
        (["12 %", "3.5%"], [12, 3.5]),
        (["1 234,5", "7"], [1234.5, 7]),
        (["1'234.5", "0.5"], [1234.5, 0.5]),
        (["1\N{NO-BREAK SPACE}234", "\N{MINUS SIGN}5"], [1234, -5]),
        (["1.500", "2.750,25"], [1500, 2750.25]),
        (["(12.50)", "3.5", "($1,234.5)"], [-12.5, 3.5, -1234.5]),
        (["1,5E-03", "-2e2", "0,25"], [0.0015, -200, 0.25]),
    ],
)
def test_amounts_are_numbers_however_they_are_written(texts, numbers):
    column = read(texts)
    assert column.kind == "numeric"
    np.testing.assert_array_equal(column.values, numbers)
    assert not column.doubt


@pytest.mark.parametrize(
    ("texts", "doubt"),
    [
        (["1,234", "12"], "'1,234' has thousands or decimals"),
        (["1.234 €", "5 €"], "'1.234' has thousands or decimals"),
        (["12%", "3"], "the units '', '%'"),
        (["€5", "$5"], "the units '$', '€'"),
        ([*map(str, range(50)), "unknown"], "1 of its 51 texts, such as 'unknown'"),
        (["01/02/2026", "02/03/2026"], "day and month"),
        (["$1,234", "$12"], "say by --decimal which mark is decimal"),
        (["12 kg", "3.5 kg", "-1 kg"], "carry the unit 'kg'"),
        (["EUR 12.50", "EUR -3", "EUR 7"], "carry the unit 'EUR'"),
        (
            ["2026-01-31", "2026-02-01", "01.03.2026", "04/25/2026"],
            "no format fits all of its dates, such as '2026-01-31' and '01.03.2026'",
        ),
        ([f"2026-01-{day}" for day in range(10, 31)] + ["soon"], "'soon', is no date"),
        (["1.2.26", "2.2.26", "3.2.26"], "no format fits its dates, such as '1.2.26'"),
        (["1/2/2026 8:00", "2/3/2026 9:00"], "day and month"),
        (
            ["1.2.2026 8:00", "2.2.2026 9:00", "3.2.2026"],
            "no format fits all of its dates, such as '1.2.2026 8:00' and '3.2.2026'",
        ),
    ],
)
def test_what_may_be_numbers_or_dates_is_never_categories_without_a_word(texts, doubt):
    column = read(texts)
    assert column.kind == "categorical"
    assert doubt in column.doubt
    assert "Column 'price' is read as categories" in column.doubt


@pytest.mark.parametrize(
    "texts", [["007", "1,5"], ["1.2.3"], ["a", "b"], ["12 km"], ["(1)", "(2)"]]
)
def test_codes_and_words_are_categories(texts):
    column = read(texts)
    assert (column.kind, column.doubt) == ("categorical", "")


def test_durations_are_seconds_and_periods_the_times_at_which_they_begin():
    waits = pd.Series(pd.to_timedelta(["1 min", None, "1 days"]))
    column = read_column(waits, "wait")
    assert column.kind == "numeric"
    assert column.reason == "durations in seconds, 2 different"
    np.testing.assert_array_equal(column.values, [60.0, np.nan, 86_400.0])
    months = pd.Series(pd.PeriodIndex(["2026-01", None, "2026-03"], freq="M"))
    column = read_column(months, "month")
    begun = np.array(["2026-01-01", "NaT", "2026-03-01"], "datetime64[ns]")
    assert column.kind == "date"
    np.testing.assert_array_equal(column.values, begun)


def test_a_known_decimal_mark_settles_what_thousands_are():
    assert number_form(["1,234", "12"], ",") == (",", "")
    assert number_form(["1,234", "12"], ".") == (".,", "")
    assert number_form(["1.234", "12"], ",") == (",.", "")


def test_new_rows_are_read_as_the_training_rows_were_written():
    train = pd.DataFrame({"price": ["1,5", "2,25", "4,0"]})
    preprocessor = Preprocessor.fit(train, {"price": "numeric"})
    new = pd.DataFrame({"price": ["1,500", "4"]})
    plain = pd.DataFrame({"price": [1.5, 4.0]})
    again = Preprocessor.from_json(preprocessor.to_json())
    np.testing.assert_array_equal(again.transform(new).x, again.transform(plain).x)
    with pytest.raises(UserError, match=r"row 1 holds '1\.234,5\.6'"):
        again.transform(pd.DataFrame({"price": ["1.234,5.6"]}))


def test_targets_may_be_amounts():
    frame = pd.DataFrame({"price": ["1,50 €", "3 €", None]})
    y = encode_targets(frame, {"price": "regression"})[1]["price"]
    np.testing.assert_array_equal(y, np.array([1.5, 3, np.nan], "float32"))


def test_a_number_with_a_word_among_them_is_named_with_what_is_in_the_way():
    with pytest.raises(UserError, match=r"row 2 holds '1,234'.*thousands or decimals"):
        encode_targets(pd.DataFrame({"price": ["1", "1,234"]}), {"price": "regression"})


def test_doubts_are_notes_and_warnings():
    frame = pd.DataFrame({"a": [*map(str, range(29)), "many"], "t": ["x", "y"] * 15})
    with pytest.warns(UserWarning, match="'a' is read as categories"):
        data = from_table(frame.assign(b=range(0, 60, 2)), ["t:binary"])[0]
    assert any("'a' is read as categories" in note for note in data.facts["notes"])


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["yes", "No", "NO", "y", None], "boolean"),
        (["TRUE", "f", "True", "false"], "boolean"),
        (["yes", "no", "maybe"], "categorical"),
        (["yes", "Yes", "y"], "categorical"),
        (["y", "n", "t", "f"], "categorical"),
    ],
)
def test_yes_and_no_may_be_written_in_several_ways(cells, kind):
    column = read_column(pd.Series(cells), "ok")
    assert column.kind == kind
    if kind == "boolean":
        truths = [value for value in column.values if not np.isnan(value)]
        assert truths == [float(c[0].lower() in "yt") for c in cells if c]


@pytest.mark.parametrize("nested", [[2, 3], {"a": 2}])
def test_lists_and_records_beside_whole_numbers_are_nested(nested):
    column = read_column(pd.Series([1, nested, None], dtype=object), "c")
    assert column.kind == "nested"
    assert column.missing.tolist() == [False, False, True]


def test_ordered_categories_that_differ_in_spaces_are_one():
    cells = pd.Categorical(["a ", "a", "b"], ["b", "a ", "a"], ordered=True)
    column = read_column(pd.Series(cells), "c")
    assert column.ranked == ("b", "a")
    assert column.values.codes.tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    "ranked",
    [
        ("0-499", "500-999", "1,000-4,999", "5,000+"),
        ("1e-05", "0.5", "2"),
        ("1st", "2nd", "10th"),
    ],
)
def test_labels_are_ranked_by_the_number_that_they_begin_with(ranked):
    column = read_column(pd.Series(sorted(ranked)), "c", "categorical")
    assert column.ranked == ranked
