import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import polytask.lab.tables
from polytask.errors import UserError
from polytask.lab.tables import Preprocessor

ODD = "<script>alert(1)</script>"
KINDS = {"größe": "numeric", ODD: "categorical", "ok": "boolean", "day": "date"}


def table(rows=200, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "größe": np.where(
                random.random(rows) < 0.1, np.nan, random.normal(size=rows)
            ),
            ODD: random.choice(["a", "b", "ü"], rows),
            "ok": random.choice(["yes", "no"], rows),
            "day": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(random.integers(0, 900, rows), "D"),
        }
    )


def test_numbers_and_categories_equal_scikit_learns_own_pipeline():
    train, test = table(seed=0), table(seed=1)
    preprocessor = Preprocessor.fit(
        train, {"größe": "numeric", ODD: "categorical"}, min_frequency=1
    )
    numbers = make_union(
        make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
        MissingIndicator(),
    )
    oracle = make_column_transformer(
        (numbers, ["größe"]), (OneHotEncoder(sparse_output=False), [ODD])
    ).fit(train)
    for frame in (train, test):
        expected = oracle.transform(frame).astype(np.float32)
        np.testing.assert_array_equal(preprocessor.transform(frame).x, expected)


def test_what_comes_back_from_json_gives_the_same_bits():
    preprocessor = Preprocessor.fit(table(), KINDS)
    text = preprocessor.to_json()
    restored = Preprocessor.from_json(text)
    new = table(seed=2)
    expected = preprocessor.transform(new).x
    assert restored.transform(new).x.tobytes() == expected.tobytes()
    assert restored.to_json() == text
    assert restored.feature_names == preprocessor.feature_names
    assert restored.kinds == KINDS
    assert "größe" in text
    assert json.loads(text)["columns"][0]["values"]["median"] == pytest.approx(
        table()["größe"].median()
    )


def test_another_process_without_a_backend_gives_the_same_bits(tmp_path):
    preprocessor = Preprocessor.fit(table(), KINDS)
    (tmp_path / "p.json").write_text(preprocessor.to_json(), encoding="utf-8")
    table(seed=2).to_parquet(tmp_path / "t.parquet")
    package = str(Path(polytask.lab.tables.__file__).parents[2])
    program = (
        "import sys, types, pathlib, numpy as np\n"
        # Reading and applying needs no backend; the package itself imports one.
        "package = types.ModuleType('polytask')\n"
        "package.__path__ = [sys.argv[2]]\n"
        "sys.modules['polytask'] = package\n"
        "from polytask.lab.tables import Preprocessor, read_table\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "text = (folder / 'p.json').read_text(encoding='utf-8')\n"
        "x = Preprocessor.from_json(text).transform(read_table(folder/'t.parquet')).x\n"
        "np.save(folder / 'x.npy', x)\n"
        "assert 'keras' not in sys.modules and 'sklearn' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path), package], check=True)
    expected = preprocessor.transform(table(seed=2)).x
    assert np.load(tmp_path / "x.npy").tobytes() == expected.tobytes()


def test_names_and_sources_match_the_columns():
    preprocessor = Preprocessor.fit(table(), KINDS)
    assert preprocessor.feature_names == (
        "größe",
        "größe=(missing)",
        f"{ODD}=a",
        f"{ODD}=b",
        f"{ODD}=ü",
        "ok",
        "day.year",
        "day.month",
        "day.day_of_week",
        "day.elapsed_days",
    )
    assert preprocessor.feature_sources == (
        *["größe"] * 2,
        *[ODD] * 3,
        "ok",
        *["day"] * 4,
    )
    assert preprocessor.input_columns == ("größe", ODD, "ok", "day")
    assert preprocessor.transform(table()).x.shape == (200, 10)


def test_only_the_rows_given_to_fit_count():
    train = pd.DataFrame({"a": [0.0, 2.0], "b": ["x", "y"]})
    kinds = {"a": "numeric", "b": "categorical"}
    preprocessor = Preprocessor.fit(train, kinds, min_frequency=1)
    x = preprocessor.transform(pd.DataFrame({"a": [5.0], "b": ["x"]})).x
    assert x.tolist() == [[4.0, 1.0, 0.0]]


def test_unseen_categories_work_and_are_counted():
    preprocessor = Preprocessor.fit(table(), KINDS)
    new = table(3).assign(**{ODD: ["new", "a", "newer"], "ok": ["yes", "maybe", "no"]})
    result = preprocessor.transform(new)
    assert result.unseen == {ODD: 2, "ok": 1}
    assert result.x[:, 2:5].tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_missing_cells_are_counted_and_filled():
    preprocessor = Preprocessor.fit(table(), KINDS)
    new = table(2)
    new.loc[0] = None
    result = preprocessor.transform(new)
    assert result.missing == dict.fromkeys(KINDS, 1)
    assert np.isfinite(result.x).all()
    assert result.x[0, 1] == 1


def test_what_stands_for_a_missing_cell_is_what_an_empty_row_is_encoded_as():
    train = table()
    train["words"] = np.where(train["ok"] == "no", None, "one two")
    preprocessor = Preprocessor.fit(train, {**KINDS, "words": "ngrams"})
    empty = pd.DataFrame({name: [None] for name in train})
    expected = preprocessor.transform(empty).x[0]
    assert preprocessor.missing_features == tuple(expected)
    names = dict(zip(preprocessor.feature_names, expected, strict=True))
    assert names["größe=(missing)"] == names["words=(missing)"] == 1.0
    assert np.abs(expected).sum() > 2


def test_missing_categories_have_a_feature_of_their_own():
    train = pd.DataFrame({"job": ["a", "b", None] * 10})
    preprocessor = Preprocessor.fit(train, {"job": "categorical"})
    assert preprocessor.feature_names == ("job=a", "job=b", "job=(missing)")
    x = preprocessor.transform(train).x
    assert x[:3].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_rare_categories_share_one_feature_with_unseen_ones():
    train = pd.DataFrame({"job": ["a"] * 9 + ["b"] * 8 + ["c", "d"]})
    preprocessor = Preprocessor.fit(train, {"job": "categorical"}, min_frequency=5)
    assert preprocessor.feature_names == ("job=a", "job=b", "job=(rare)")
    result = preprocessor.transform(pd.DataFrame({"job": ["c", "new", "b"]}))
    assert result.x.tolist() == [[0, 0, 1], [0, 0, 1], [0, 1, 0]]
    assert result.unseen == {"job": 1}
    assert preprocessor.notes == (
        "Column 'job': rare categories joined in one feature: 2 of 4, "
        "training rows: 2.",
    )


def test_codes_for_an_embedding_keep_missing_and_unknown_apart():
    train = pd.DataFrame({"a": [1.0, 2.0] * 6, "city": [*"ab" * 5, "c", None]})
    kinds = {"a": "numeric", "city": "code"}
    preprocessor = Preprocessor.fit(train, kinds, min_frequency=2)
    assert preprocessor.code_sizes == {1: 4}
    new = pd.DataFrame({"a": 1.0, "city": ["b", "a", "c", "new", None]})
    again = Preprocessor.from_json(preprocessor.to_json())
    result = again.transform(new)
    assert result.x[:, 1].tolist() == [3, 2, 1, 1, 0]
    assert result.unseen == {"city": 2}
    assert result.missing == {"city": 1}


def test_the_width_of_a_column_is_bounded():
    train = pd.DataFrame({"job": [f"job{i % 200}" for i in range(4000)]})
    preprocessor = Preprocessor.fit(train, {"job": "categorical"}, max_categories=10)
    assert len(preprocessor.feature_names) == 10
    assert preprocessor.feature_names[-1] == "job=(rare)"


def test_a_category_is_the_same_as_number_or_text():
    train = pd.DataFrame({"code": ["1", "2", "x", "1.50"] * 9})
    preprocessor = Preprocessor.fit(train, {"code": "categorical"})
    for new in ([1, 2], [1.0, 2.0], ["1", "2"]):
        assert preprocessor.transform(pd.DataFrame({"code": new})).unseen == {}
    assert preprocessor.transform(pd.DataFrame({"code": [1.5]})).unseen == {}
    assert preprocessor.transform(pd.DataFrame({"code": ["01"]})).unseen == {"code": 1}


@pytest.mark.parametrize(
    ("values", "days"),
    [
        (["2024-02-29", "2024-03-02"], [0, 2]),
        (["29.02.2024", "02.03.2024"], [0, 2]),
        (["02/29/2024", "03/02/2024"], [0, 2]),
        (["29/02/2024", "02/03/2024"], [0, 2]),
        ([20240229, 20240302], [0, 2]),
        (["2024-02-29T00:00:00+00:00", "2024-03-02 06:00"], [0, 2.25]),
        (["29.02.2024 0:00", "02.03.2024 6:00"], [0, 2.25]),
        (["2/29/2024 12:00 AM", "3/2/2024 6:00 am"], [0, 2.25]),
        (["2024/02/29 00:00:00", "2024/03/02 06:00:00"], [0, 2.25]),
    ],
)
def test_dates_become_parts_and_elapsed_days(values, days):
    preprocessor = Preprocessor.fit(pd.DataFrame({"d": values}), {"d": "date"})
    [encoder] = preprocessor.encoders
    parts = ["month", "day_of_week", "elapsed_days"]
    assert list(encoder.parts) == [*parts[:2], *["hour"] * (days[1] % 1 > 0), parts[2]]
    assert encoder.parts["elapsed_days"].mean == np.mean(days)
    assert encoder.parts["day_of_week"].mean == (3 + 5) / 2
    assert encoder.parts["month"].mean == 2.5


def test_the_hour_of_a_time_is_a_part_of_its_own():
    times = pd.DataFrame({"at": ["5.1.2024 06:00", "5.1.2024 18:30", "5.1.2024 07:00"]})
    preprocessor = Preprocessor.fit(times, {"at": "date"})
    assert preprocessor.feature_names == ("at.hour", "at.elapsed_days")
    hours = preprocessor.encoders[0].parts["hour"]
    x = preprocessor.transform(times).x[:, 0]
    np.testing.assert_allclose(x * hours.scale + hours.mean, [6, 18.5, 7], rtol=1e-6)


def test_a_column_that_does_not_vary_in_training_is_left_out_with_a_note():
    train = pd.DataFrame({"a": [1, 1], "b": ["x", "x"], "c": [1, 2], "d": [None, None]})
    kinds = {"a": "numeric", "b": "categorical", "c": "numeric", "d": "categorical"}
    preprocessor = Preprocessor.fit(train, kinds, min_frequency=1)
    assert preprocessor.input_columns == ("c",)
    assert len(preprocessor.notes) == 3
    with pytest.raises(UserError, match="No input column is left"):
        Preprocessor.fit(train, {"a": "numeric"})


def test_a_number_that_never_varies_but_is_sometimes_missing_keeps_the_indicator():
    train = pd.DataFrame({"a": [1.0, None, 1.0]})
    preprocessor = Preprocessor.fit(train, {"a": "numeric"})
    assert preprocessor.feature_names == ("a=(missing)",)
    assert preprocessor.transform(train).x.tolist() == [[0], [1], [0]]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({"größe": [1.0, np.inf]}, "'größe' holds an infinite value in row 2"),
        ({"größe": [1.0, "tall"]}, "'größe' must hold numbers; row 2 holds 'tall'"),
        ({"größe": [1.0, 1e300]}, "'größe' holds 1e\\+300 in row 2, too large"),
        (
            {"day": ["2024-01-01", "soon"]},
            "'day' must hold dates .* row 2 holds 'soon'",
        ),
    ],
)
def test_an_unreadable_cell_is_named_by_column_and_row(new, expected):
    preprocessor = Preprocessor.fit(table(), KINDS)
    with pytest.raises(UserError, match=expected):
        preprocessor.transform(table(2).assign(**new))


def test_an_absent_input_column_is_named_and_the_nearest_suggested():
    preprocessor = Preprocessor.fit(table(), KINDS)
    frame = table().rename(columns={"größe": "grösse"})
    with pytest.raises(UserError, match=r"no input column 'größe'.*grösse"):
        preprocessor.transform(frame)


def test_numbers_too_large_to_standardize_are_refused():
    with pytest.raises(UserError, match="too large to standardize"):
        Preprocessor.fit(pd.DataFrame({"a": [1e308, -1e308]}), {"a": "numeric"})


def test_an_unknown_kind_is_refused():
    with pytest.raises(UserError, match='Did you mean "numeric"'):
        Preprocessor.fit(table(), {"größe": "numerical"})


@pytest.mark.parametrize("text", ["", "{}", '{"format": 99}', '{"format": 1}', "[]"])
def test_damaged_json_is_refused(text):
    with pytest.raises(UserError, match="stored preprocessing"):
        Preprocessor.from_json(text)


@pytest.mark.parametrize("max_categories", [2, 4, 5, 6])
@pytest.mark.parametrize("min_frequency", [1, 3, 5])
def test_categories_are_grouped_as_scikit_learns_encoder_does(
    min_frequency, max_categories
):
    words = pd.DataFrame({"w": list("aaaaabbbbbbcccddeeeeef")})
    bounds = {"min_frequency": min_frequency, "max_categories": max_categories}
    oracle = OneHotEncoder(
        sparse_output=False, handle_unknown="infrequent_if_exist", **bounds
    ).fit(words)
    x = Preprocessor.fit(words, {"w": "categorical"}, **bounds).transform(words).x
    np.testing.assert_array_equal(x, oracle.transform(words))


def test_what_version_0_1_stored_still_loads():
    text = """{"format": 1, "notes": [], "columns": [
    {"kind": "numeric", "name": "a", "values": {"median": 1.0, "mean": 1.0,
     "scale": 2.0}, "indicator": true, "tail": null},
    {"kind": "boolean", "name": "b", "fill": 1.0, "varies": true, "indicator": false},
    {"kind": "date", "name": "d", "form": "%d.%m.%Y",
     "origin": "2024-01-01T00:00:00+00:00", "indicator": false,
     "parts": {"elapsed_days": {"median": 1.0, "mean": 1.0, "scale": 1.0}}},
    {"kind": "categorical", "name": "c", "kept": ["x"], "rare": ["y"],
     "missing": false, "rare_rows": 1}]}"""
    row = pd.DataFrame({"a": [3], "b": ["no"], "d": ["03.01.2024"], "c": ["y"]})
    result = Preprocessor.from_json(text).transform(row)
    assert result.x.tolist() == [[1, 0, 0, 1, 0, 1]]
