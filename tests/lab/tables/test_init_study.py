import tomllib

import numpy as np
import pandas as pd
import pytest

from polytask.errors import TableWarning, UserError
from polytask.lab.tables import study_template
from polytask.lab.tables.init_study import toml_key, toml_string

ODD = [
    "<script>alert(1)</script>",
    'quote " and \\',
    "größe 😀",
    "a.b = c # d",
    "del\x7f",
]


def write(folder, frame, name="my table.csv"):
    frame.to_csv(folder / name, index=False)
    return folder / name


def table():
    rows = 60
    return pd.DataFrame(
        {
            "customer_id": range(rows),
            "day": [f"2026-01-{i % 28 + 1:02}" for i in range(rows)],
            "job": ["nurse", "clerk"] * 30,
            "target_bought": [0, 1, None] * 20,
            "target_sum": np.linspace(0, 1, rows),
        }
    )


def test_the_template_is_toml_with_the_guesses_marked(tmp_path):
    text = study_template(write(tmp_path, table()))
    study = tomllib.loads(text)
    assert study["name"] == "my-table"
    assert study["data"]["exclude"] == ["customer_id"]
    assert study["data"]["columns"] == {"day": "date", "job": "categorical"}
    assert study["tasks"] == {"target_bought": "binary", "target_sum": "regression"}
    marked = [line for line in text.splitlines() if "# guessed: " in line]
    assert len(marked) == 5


@pytest.mark.parametrize(
    ("name", "is_target"),
    [
        ("y", True),
        ("y2", True),
        ("Target", True),
        ("churn_label", True),
        ("year", False),
        ("class of worker", False),
        ("labels_of_x", False),
    ],
)
def test_only_whole_words_name_a_target(tmp_path, name, is_target):
    frame = pd.DataFrame({name: [1, 2] * 30, "x": [0, 1] * 30})
    study = tomllib.loads(study_template(write(tmp_path, frame)))
    assert list(study["tasks"]) == [name if is_target else "x"]


def test_the_table_is_found_from_the_folder_of_the_study_file(tmp_path):
    path = write(tmp_path, table(), "größe.csv")
    (tmp_path / "studies").mkdir()
    study = tomllib.loads(study_template(path, tmp_path / "studies"))
    assert study["data"]["file"] == "../größe.csv"
    assert study["name"] == "gr-e"
    assert tomllib.loads(study_template(path))["data"]["file"] == path.as_posix()


def test_without_a_telling_name_the_last_possible_column_is_the_target(tmp_path):
    frame = table().rename(columns={"target_bought": "x", "target_sum": "z"})
    frame["note"] = [f"a long remark about number {i}" for i in range(60)]
    study = tomllib.loads(study_template(write(tmp_path, frame)))
    assert study["tasks"] == {"z": "regression"}
    assert study["data"]["exclude"] == ["customer_id", "note"]


@pytest.mark.parametrize("name", [*ODD, "", "tab\tnew\nline\r", "plain_name-1", "\x85"])
def test_any_name_survives_as_a_key_and_as_a_text(name):
    parsed = tomllib.loads(f"{toml_key(name)} = {toml_string(name)}")
    assert parsed == {name: name}


def test_odd_column_names_and_values_survive(tmp_path):
    frame = pd.DataFrame({name: ["x\ny", "z # \x00"] * 30 for name in ODD})
    frame["two\nlines"] = [0, 1] * 30
    path = tmp_path / "t.parquet"
    frame.to_parquet(path)
    study = tomllib.loads(study_template(path))
    assert study["data"]["columns"] == dict.fromkeys(ODD, "categorical")
    assert study["tasks"] == {"two\nlines": "binary"}


def test_a_table_without_a_possible_target_or_input_is_refused(tmp_path):
    with pytest.raises(UserError, match="No column can be a target"):
        study_template(write(tmp_path, table()[["customer_id"]]))
    with pytest.raises(UserError, match="no column left as an input"):
        study_template(write(tmp_path, table()[["customer_id", "job"]]))


def wide(rows=200, seed=0, **targets):
    random = np.random.default_rng(seed)
    inputs = {"age": random.normal(size=rows).round(3), "sex": ["f", "m"] * (rows // 2)}
    return pd.DataFrame(
        {**inputs, **{name: make(random, rows) for name, make in targets.items()}}
    )


def binary(random, rows):
    return random.integers(0, 2, rows)


def number(random, rows):
    return random.normal(size=rows).round(4)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ({"motor_updrs": number, "total_updrs": number}, "motor_updrs total_updrs"),
        ({"Class1": binary, "Class2": binary}, "Class1 Class2"),
        ({"churned": binary, "bought": binary}, "churned bought"),
        ({"height": number, "weight": number}, "weight"),
        ({"a_x": binary, "b_x": binary, "c_x": binary, "d_x": binary}, "d_x"),
    ],
)
def test_the_last_columns_are_targets_together_where_they_go_together(
    tmp_path, targets, expected
):
    study = tomllib.loads(study_template(write(tmp_path, wide(**targets))))
    assert list(study["tasks"]) == expected.split()


def test_whole_numbers_that_hardly_repeat_are_no_classes(tmp_path):
    pulse = [50, 54, 56, 46, 60, 62, 64, 56, 54, 58, 60, 50]
    frame = pd.DataFrame({"jumps": np.linspace(0, 1, 12) ** 2, "pulse": pulse})
    study = tomllib.loads(study_template(write(tmp_path, frame)))
    assert study["tasks"] == {"pulse": "regression"}
    many = pd.concat([frame] * 3)
    study = tomllib.loads(study_template(write(tmp_path, many)))
    assert study["tasks"] == {"pulse": "multiclass"}


def test_targets_may_be_named_with_and_without_their_kind(tmp_path):
    path = write(tmp_path, wide(bought=binary, spent=number))
    study = tomllib.loads(study_template(path, tasks=["spent", "sex:binary"]))
    assert study["tasks"] == {"spent": "regression", "sex": "binary"}
    assert "sex" not in study["data"]["columns"]


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        (["spend:regression"], 'Did you mean "spent"'),
        (["spend"], 'Did you mean "spent"'),
        (["spent", "spent:regression"], "'spent' is given twice"),
        (["name"], "'name' seems to be no target: free text"),
        (["spent:binary"], "a binary task has two"),
    ],
)
def test_a_wrong_target_is_named(tmp_path, tasks, expected):
    frame = wide(spent=number)
    frame["name"] = [f"a long remark about number {i}" for i in range(len(frame))]
    with pytest.raises(UserError, match=expected):
        study_template(write(tmp_path, frame), tasks=tasks)


def test_what_is_missing_and_what_gives_a_target_away_stands_beside_the_column(
    tmp_path,
):
    frame = wide(bought=binary)
    frame.loc[:49, "age"] = None
    frame["receipt"] = np.where(frame["bought"], "yes", "no")
    path = write(tmp_path, frame)
    with pytest.warns(TableWarning, match="'receipt' alone predicts 'bought'"):
        text = study_template(path, tasks=["bought"])
    lines = {line.partition(" = ")[0]: line for line in text.splitlines()}
    assert "25% missing" in lines["age"]
    assert "GIVES AWAY bought" in lines["receipt"]


def test_unique_whole_numbers_of_many_rows_are_left_out_with_a_word(tmp_path):
    frame = wide(rows=1200, bought=binary)
    frame.insert(0, "account", np.random.default_rng(1).permutation(10**6)[:1200])
    text = study_template(write(tmp_path, frame))
    assert tomllib.loads(text)["data"]["exclude"] == ["account"]
    assert "a different whole number in each of 1200 rows" in text


def test_how_the_file_is_read_stands_in_the_study(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a:b\n" + "1,5:x\n2,5:y\n" * 30, encoding="utf-8")
    study = tomllib.loads(study_template(path, sep=":", decimal=","))
    assert study["data"]["sep"] == ":"
    assert study["data"]["decimal"] == ","
    assert study["data"]["columns"] == {"a": "numeric"}
