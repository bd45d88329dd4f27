import json

import numpy as np
import pandas as pd
import pytest

from polytask.errors import TableWarning, UserError
from polytask.lab.tables import from_table

ODD = "<script>alert(1)</script>"


def table(rows=300, seed=0):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "id": np.arange(rows) + 1,
            ODD: random.normal(size=rows),
            "job": random.choice(["nurse", "clerk", "größe"], rows),
            "sick": random.choice(["no", "yes"], rows, p=[0.8, 0.2]),
            "rating": random.normal(10, 2, rows),
            "shop": random.choice(["a", "b", "c"], rows),
        }
    )
    frame.loc[random.random(rows) < 0.3, "sick"] = None
    frame.loc[random.random(rows) < 0.3, "rating"] = None
    frame.loc[random.random(rows) < 0.3, "shop"] = None
    return frame


TASKS = ["sick:binary", "rating:regression", "shop:multiclass"]


def test_arrays_have_the_documented_types_and_mark_missing_labels():
    data, preprocessor = from_table(table(), TASKS, name="mine")
    assert data.name == "mine"
    for split in data.splits.values():
        assert split.x.dtype == np.float32
        assert split.x.shape == (len(split), len(data.feature_names))
        assert split.y["sick"].dtype == split.y["rating"].dtype == np.float32
        assert split.y["shop"].dtype == np.int32
        assert np.isnan(split.y["sick"]).any()
        assert np.isnan(split.y["rating"]).any()
        assert (split.y["shop"] == -1).any()
    assert preprocessor.input_columns == (ODD, "job")


def test_rows_without_any_label_are_dropped_and_counted():
    frame = table()
    unlabeled = frame[["sick", "rating", "shop"]].isna().all(axis=1).sum()
    assert unlabeled > 0
    facts = from_table(frame, TASKS)[0].facts
    assert facts["rows"]["dropped"] == unlabeled
    parts = [facts["rows"][part] for part in ("train", "validation", "test")]
    assert sum(parts) == len(frame) - unlabeled
    assert f"Rows without any label, dropped: {unlabeled}." in facts["notes"]


def test_regression_scale_comes_from_training_rows_only():
    data = from_table(table(), TASKS)[0]
    task = data.tasks[1]
    known = data.train.y["rating"]
    known = known[~np.isnan(known)].astype(np.float64)
    assert task.mean == pytest.approx(known.mean())
    assert task.scale == pytest.approx(known.std())


def test_preprocessing_is_fitted_on_training_rows_only():
    data = from_table(table(), TASKS)[0]
    place = data.feature_names.index(ODD)
    assert data.train.x[:, place].mean() == pytest.approx(0, abs=1e-6)
    assert data.train.x[:, place].std() == pytest.approx(1, abs=1e-6)
    assert abs(data.test.x[:, place].mean()) > 1e-6


def test_facts_are_json_and_count_labels():
    data = from_table(table(), TASKS, about={"license": "CC0"})[0]
    facts = json.loads(json.dumps(data.facts))
    assert facts["license"] == "CC0"
    assert len(facts["fingerprint"]) == 64
    for part, split in data.splits.items():
        sick = facts["tasks"]["sick"][part]
        assert sick["labeled"] + sick["missing"] == len(split)
        assert sick["counts"]["yes"] == (split.y["sick"] == 1).sum()
        assert sick["rate"] == pytest.approx(np.nanmean(split.y["sick"]))
        rating = facts["tasks"]["rating"][part]
        assert rating["mean"] == pytest.approx(np.nanmean(split.y["rating"]), rel=1e-6)
        shop = facts["tasks"]["shop"][part]["counts"]
        assert sum(shop.values()) == (split.y["shop"] >= 0).sum()
    columns = {column["name"]: column for column in facts["columns"]}
    assert columns["id"]["role"] == "left out"
    assert columns[ODD]["role"] == "input"
    assert columns["job"]["features"] == 3
    assert any("'id' is left out" in note for note in facts["notes"])


def test_same_seed_same_rows_and_fingerprint():
    first, second = (from_table(table(), TASKS, seed=1)[0] for _ in range(2))
    other = from_table(table(), TASKS, seed=2)[0]
    assert first.train.x.tobytes() == second.train.x.tobytes()
    assert first.facts["fingerprint"] == second.facts["fingerprint"]
    assert first.facts["fingerprint"] != other.facts["fingerprint"]


def test_one_changed_cell_changes_the_fingerprint():
    frame = table()
    before = from_table(frame, TASKS)[0].facts["fingerprint"]
    frame.loc[5, ODD] += 1
    assert from_table(frame, TASKS)[0].facts["fingerprint"] != before


def test_the_split_is_stratified():
    frame = table(1000)
    data = from_table(frame, ["sick:binary"])[0]
    rates = [data.facts["tasks"]["sick"][part]["rate"] for part in data.splits]
    assert np.ptp(rates) < 0.01


def test_the_index_of_the_table_does_not_matter():
    frame = table()
    shuffled = frame.set_index(np.arange(len(frame))[::-1] * 7)
    expected = from_table(frame, TASKS)[0]
    assert (
        from_table(shuffled, TASKS)[0].train.x.tobytes() == expected.train.x.tobytes()
    )


def test_inputs_exclude_and_columns_choose_what_is_read():
    frame = table()
    named = from_table(frame, TASKS, inputs=["id", "job"])[1]
    assert named.kinds == {"id": "numeric", "job": "categorical"}
    without = from_table(frame, TASKS, exclude=["job"])[1]
    assert without.input_columns == (ODD,)
    forced = from_table(frame, TASKS, columns={"id": "numeric"})[1]
    assert forced.kinds == {"id": "numeric", ODD: "numeric", "job": "categorical"}


def test_a_date_format_that_only_other_rows_settle_is_used_for_all():
    frame = pd.DataFrame({"day": ["01/02/2026"] * 30, "t": ["a", "b"] * 15})
    frame.loc[::3, "day"] = "02/02/2026"
    frame.loc[29, "day"] = "31/02/2026".replace("/02/", "/01/")
    for seed in range(3):
        preprocessor = from_table(frame, ["t:binary"], seed=seed)[1]
        assert preprocessor.encoders[0].form == "%d/%m/%Y"


def test_unseen_categories_in_later_rows_are_noted():
    frame = table(100)
    frame["job"] = "nurse"
    frame.loc[::2, "job"] = "clerk"
    frame.loc[:30, "job"] = [f"job{i}" for i in range(31)]
    notes = from_table(frame, TASKS)[0].facts["notes"]
    assert any("test rows with a value that no training row has" in n for n in notes)


def test_an_infinite_input_is_named_by_its_row_in_the_table():
    frame = table()
    frame.loc[41, ODD] = -np.inf
    with pytest.raises(UserError, match=r"'<script>.*infinite value in row 42 "):
        from_table(frame, TASKS)
    with pytest.raises(UserError, match=r"or exclude the column \(--exclude\)"):
        from_table(frame, TASKS)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"tasks": ["sik:binary"]}, "no column 'sik'.*Did you mean \"sick\""),
        ({"inputs": ["jop"]}, "inputs names the column 'jop'.*Did you mean \"job\""),
        ({"exclude": ["jop"]}, "exclude names the column 'jop'"),
        ({"columns": {"jop": "numeric"}}, "columns names the column 'jop'"),
        ({"columns": {"job": "number"}}, "kind 'number'.*Did you mean \"numeric\""),
        ({"columns": {"job": "numeric"}}, "'job' must hold numbers; row 1"),
        ({"columns": {"job": "boolean"}}, "'job' is given as boolean but holds"),
        ({"columns": {"job": "date"}}, "'job' is given as date"),
        ({"columns": {"sick": "numeric"}}, "gives the target 'sick'"),
        ({"inputs": ["sick"]}, "'sick' is both an input and a target"),
        ({"inputs": []}, "No input column is left"),
        ({"split": (0.5, 0.5)}, "sum to 1"),
        ({"tasks": []}, "No task"),
    ],
)
def test_a_wrong_option_is_named(options, expected):
    with pytest.raises(UserError, match=expected):
        from_table(table(), **{"tasks": TASKS, **options})


def test_too_few_rows_are_refused():
    for rows in (1, 2):
        frame = pd.DataFrame({"a": [1.0, 2.0], "t": [0, 1]}).iloc[:rows]
        with pytest.raises(UserError):
            from_table(frame, ["t:binary"])


def test_a_task_without_labels_in_a_part_is_refused():
    frame = table(60)
    frame["sick"] = None
    frame.loc[[0, 1], "sick"] = ["no", "yes"]
    with pytest.raises(UserError, match="'sick'"):
        from_table(frame, TASKS)


def test_a_single_label_that_is_to_judge_a_task_is_a_note_and_a_warning():
    frame = table(60).assign(rating=None)
    frame.loc[[3, 14, 15, 26, 35], "rating"] = [3.0, 1.0, 4.0, 2.0, 6.0]
    said = "'rating': labeled are only one validation row and one test row, too few"
    with pytest.warns(TableWarning, match=said):
        data, _ = from_table(frame, ["sick:binary", "rating:regression"])
    assert any(said in note for note in data.facts["notes"])


def test_a_column_name_used_twice_is_refused():
    frame = table()
    frame.columns = ["id", "job", "job", "sick", "rating", "shop"]
    with pytest.raises(UserError, match="more than one column called 'job'"):
        from_table(frame, TASKS)


def test_numbers_as_column_names_are_text():
    frame = pd.DataFrame({0: np.arange(30) % 7, 1: [0, 1] * 15})
    data = from_table(frame, ["1:binary"])[0]
    assert data.feature_names == ("0",)


def odd_table():
    """Return rows whose rare values fall into another part with each split."""
    frame = table(rows=120, seed=3).drop(columns="id")
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame.index % 9, "D")
    days = days.where(frame.index != 7, pd.Timestamp("2031-05-05"))
    amounts = np.where(frame.index == 3, 1e6, frame.index % 7 + 1.0)
    return frame.assign(
        town=np.where(frame.index % 20 == 0, "rare", frame["job"]),
        flag=np.where(frame.index == 5, "yes", "no"),
        day=days,
        amount=amounts,
        constant=np.where(frame.index == 11, 1.0, 3.0),
    )


def test_fixed_columns_are_those_of_every_split():
    kinds = {"constant": "numeric", "flag": "boolean", "day": "date"}
    both = [
        {
            from_table(
                odd_table(), TASKS, seed=seed, columns=kinds, fixed_columns=fixed
            )[1].feature_names
            for seed in range(6)
        }
        for fixed in (False, True)
    ]
    assert len(both[0]) > 1
    (names,) = both[1]
    assert {"town=rare", "flag", "day.year", "amount=(log)", "constant"} < set(names)


def test_fixed_columns_are_scaled_by_training_rows_alone():
    data, preprocessor = from_table(odd_table(), TASKS, fixed_columns=True)
    amount = data.train.x[:, data.feature_names.index("amount")]
    assert amount.mean() == pytest.approx(0, abs=1e-5)
    assert amount.std() == pytest.approx(1, abs=1e-5)
    again = type(preprocessor).from_json(preprocessor.to_json())
    used = odd_table().loc[data.rows["test"]]
    assert again.transform(used).x.tobytes() == data.test.x.tobytes()


def test_a_fixed_column_that_training_rows_do_not_vary_in_stays_finite():
    frame = odd_table()
    kinds = {"constant": "numeric"}
    for seed in range(20):
        data, _ = from_table(frame, TASKS, seed=seed, columns=kinds, fixed_columns=True)
        column = data.feature_names.index("constant")
        if not data.train.x[:, column].any():
            values = [split.x[:, column] for split in data.splits.values()]
            assert np.isfinite(np.concatenate(values)).all()
            return
    raise AssertionError("no split leaves the odd row out")
