"""Splits by a column, by time and by a file, and weights of rows."""

import json

import numpy as np
import pandas as pd
import pytest

from polytask.errors import UserError
from polytask.lab.studies import Study
from polytask.lab.tables import from_table
from polytask.lab.tables.split_file import read_split_file, split_text

PARTS = ["train", "validation", "test"]


def table(rows=120, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": random.normal(size=rows),
            "patient": random.integers(0, 25, rows).astype(str),
            "day": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(random.integers(0, 60, rows), unit="D"),
            "w": random.integers(1, 4, rows),
            "y": random.choice(["no", "yes"], rows),
        }
    )


def parts_of(frame, split, **options):
    dataset, _ = from_table(frame, ["y:binary"], split=split, **options)
    return {part: dataset.rows[part].tolist() for part in PARTS}


def test_no_group_is_torn_apart_and_its_column_is_no_input():
    frame = table()
    dataset, preprocessor = from_table(frame, ["y:binary"], split="group:patient")
    groups = [set(frame["patient"].iloc[dataset.rows[part]]) for part in PARTS]
    assert all(groups)
    assert sum(map(len, groups)) == len(set.union(*groups)) == 25
    assert "patient" not in preprocessor.input_columns
    shares = [len(dataset.rows[part]) / len(frame) for part in PARTS]
    np.testing.assert_allclose(shares, (0.6, 0.2, 0.2), atol=0.05)


def test_the_seed_decides_which_groups_go_where():
    one, other = (parts_of(table(), "group:patient", seed=seed) for seed in (0, 1))
    assert one != other
    assert one == parts_of(table(), "group:patient", seed=0)


def test_groups_that_differ_in_spaces_are_one():
    frame = table()
    frame.loc[::2, "patient"] += " "
    parts = parts_of(frame, "group:patient")
    assert parts == parts_of(table(), "group:patient")


def test_rows_without_a_group_stand_alone():
    frame = table()
    frame.loc[:39, "patient"] = None
    dataset, _ = from_table(frame, ["y:binary"], split="group:patient")
    alone = [np.sum(dataset.rows[part] < 40) for part in PARTS]
    assert min(alone) > 0
    assert "each of the 40 rows without one stands alone" in str(dataset.facts["notes"])


@pytest.mark.parametrize("times", [str, lambda day: day.toordinal()])
def test_the_last_rows_are_the_test_and_no_moment_is_torn_apart(times):
    frame = table()
    frame["when"] = frame["day"].map(times)
    rows = parts_of(frame, "time:when:0.5,0.2,0.3")
    days = {part: frame["day"].iloc[rows[part]] for part in PARTS}
    assert days["train"].max() < days["validation"].min()
    assert days["validation"].max() < days["test"].min()
    assert len(rows["test"]) == pytest.approx(0.3 * len(frame), abs=4)


def test_rows_without_a_time_train():
    frame = table()
    frame.loc[:9, "day"] = pd.NaT
    assert set(range(10)) <= set(parts_of(frame, "time:day")["train"])


def test_the_file_of_one_run_splits_the_next_alike(tmp_path):
    frame = table()
    rows = parts_of(frame, "group:patient")
    file = tmp_path / "split.csv"
    file.write_text(split_text({part: np.array(rows[part]) for part in PARTS}))
    assert parts_of(frame, str(file)) == rows


def test_a_file_of_numbers_lists_the_test_rows(tmp_path):
    file = tmp_path / "test_rows.txt"
    file.write_text("row\n7\n3\n11\n")
    rows = parts_of(table(), str(file))
    assert rows["test"] == [3, 7, 11]
    assert sorted(row for part in rows.values() for row in part) == list(range(120))
    assert len(rows["validation"]) == round(117 / 4)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "lists no rows"),
        ("row,part\n", "0 rows"),
        ("3\n3\n", "accepted is a row once"),
        ("3\n120\n", "'120' in line 2 (1 such line); accepted is a row from 0 to 119"),
        ("1.5\n", "'1.5'"),
        ("row,part\n0,trian\n", "'trian' in line 2"),
        ("# mine\n\nrow,part\n0,train\n1\n", "None in line 5"),
        ("row,part\n0,train\n1,validation\n", "lists no labeled test row"),
        ("a,b,c\n1,2,3\n", "3 columns"),
    ],
)
def test_a_file_is_refused_for(tmp_path, text, named):
    file = tmp_path / "split.csv"
    file.write_text(text)
    with pytest.raises(UserError, match=r"^split: ") as error:
        parts_of(table(), str(file))
    assert named in str(error.value)


@pytest.mark.parametrize(
    ("split", "named"),
    [
        ("group:patiant", 'Did you mean "patient"'),
        ("time:patient_", "does not have"),
        ("time:y", "holds no times, but is boolean"),
        ("group:y", "2 different values in column 'y'"),
        ("nowhere.csv", "no file 'nowhere.csv'; accepted are three shares"),
        ("group:patient:0.5,0.5,0.5", "expected three positive shares"),
        ("", "expected three positive shares"),
    ],
)
def test_a_split_is_refused_for(split, named):
    with pytest.raises(UserError) as error:
        from_table(table(), ["y:binary"], split=split)
    assert named in str(error.value)


def test_a_split_needs_rows_beside_the_tested_ones(tmp_path):
    file = tmp_path / "split.txt"
    file.write_text("\n".join(map(str, range(119))))
    with pytest.raises(UserError, match="1 labeled rows are left"):
        parts_of(table(), str(file))


def test_a_study_file_finds_its_split_beside_it_whatever_the_folder(tmp_path):
    texts = {}
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        text = '[data]\nfile = "t.csv"\nsplit = "s.csv"\n[tasks]\ny = "binary"\n'
        texts[name] = Study.parse(text + "[variants.none]\n", "s.toml", folder)
        assert texts[name].data.split == str(folder / "s.csv")
    assert texts["one"].fingerprint == texts["two"].fingerprint
    json.dumps(texts["one"].to_dict())


def test_weights_are_one_on_average_and_rows_of_none_are_dropped():
    frame = table()
    frame.loc[:9, "w"] = 0
    dataset, preprocessor = from_table(frame, ["y:binary"], weight="w")
    assert "w" not in preprocessor.input_columns
    assert dataset.train.weights.mean() == pytest.approx(1)
    ratio = dataset.test.weights / frame["w"].iloc[dataset.rows["test"]]
    assert np.ptp(ratio) == pytest.approx(0)
    assert min(map(min, dataset.rows.values())) >= 10
    assert "Rows of weight 0, dropped: 10." in dataset.facts["notes"]


@pytest.mark.parametrize(
    ("cell", "named"), [(None, "holds nothing"), (-1.0, "-1"), ("many", "many")]
)
def test_weights_are_refused_for(cell, named):
    frame = table().astype({"w": object})
    frame.loc[3, "w"] = cell
    with pytest.raises(UserError) as error:
        from_table(frame, ["y:binary"], weight="w")
    assert named in str(error.value)
    assert "'w'" in str(error.value)


def test_numbers_of_rows_are_read_as_written(tmp_path):
    file = tmp_path / "split.csv"
    rows = {"train": np.array([4, 0]), "validation": np.array([1]), "test": [2]}
    file.write_text(split_text(rows))
    found = read_split_file(file, 5)
    assert [found[part].tolist() for part in PARTS] == [[0, 4], [1], [2]]
