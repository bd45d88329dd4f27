import gzip
import json
import os
from dataclasses import replace

import numpy as np
import pytest

from polytask.errors import UserError
from polytask.lab.tables import ENTRIES, bundled, census, fetch
from polytask.lab.tables.census import CODES, COLUMNS

needs_data = pytest.mark.skipif(
    not os.environ.get("POLYTASK_DATA"),
    reason="needs the census file: set POLYTASK_DATA to the folder that holds "
    "census_income_kdd/census-income.test.gz",
)
ROW = (
    "38, Private, 6, 36, 1st 2nd 3rd or 4th grade, 0, Not in universe, "
    "Married-civilian spouse present, Manufacturing-durable goods, "
    "Machine operators assmblrs & inspctrs, White, NA, Female, Not in universe, "
    "Not in universe, Full-time schedules, 0, 0, 0, Joint one under 65 & one 65+, "
    "Not in universe, Not in universe, Spouse of householder, Spouse of householder, "
    "1032.38, ?, ?, ?, Not in universe under 1 year old, ?, 4, Not in universe, "
    "Mexico, Mexico, Mexico, Foreign born- Not a citizen of U S , 0, Not in universe, "
    "2, 12, 95, - 50000.\n"
)


def test_there_are_42_columns_and_the_25th_is_the_weight():
    assert len(set(COLUMNS)) == 42
    assert COLUMNS[24] == "instance weight"
    assert set(CODES) < set(COLUMNS)


def test_a_row_is_read_as_documented():
    file = replace(census.TEST_FILE, rows=2)
    other = ROW.replace("- 50000.", "50000+.").replace("1st 2nd", "x")
    frame = census.parsed((ROW + other).encode(), file)
    assert frame["income"].tolist() == ["- 50000.", "50000+."]
    assert frame.loc[0, "hispanic origin"] == "NA"
    assert frame.loc[0, "migration code-change in msa"] != "?"
    assert frame["migration prev res in sunbelt"].isna().all()


def test_the_tasks_stand_beside_the_inputs_in_place_of_their_columns():
    file = replace(census.TEST_FILE, rows=2)
    other = ROW.replace("- 50000.", "50000+.").replace("Married-civilian spouse", "x")
    other = other.replace("1st 2nd 3rd or 4th grade", "Doctorate degree(PhD EdD)")
    frame = census.with_tasks(census.parsed((ROW + other).encode(), file))
    assert frame["income"].tolist() == ["<= 50k", "> 50k"]
    assert frame["education"].tolist() == ["below college", "college"]
    assert frame["never_married"].tolist() == ["no", "no"]
    assert not {"marital stat", "instance weight"} & set(frame)


@pytest.mark.parametrize(
    "content", [ROW, ROW * 3, (ROW * 2).replace("- 50000.", "0"), "a,b\n1,2\n", ""]
)
def test_a_file_that_is_not_the_census_is_refused(content):
    file = replace(census.TEST_FILE, rows=2)
    with pytest.raises(UserError, match=r"census-income\.test"):
        census.parsed(content.encode(), file)


@needs_data
def test_the_official_test_half_is_split_and_said_so():
    data = bundled("census")
    facts = data.facts
    json.dumps(facts)
    assert facts["rows"] == {
        "train": 59_858,
        "validation": 19_952,
        "test": 19_952,
        "dropped": 0,
    }
    assert [task.name for task in data.tasks] == [
        "income",
        "never_married",
        "education",
    ]
    labels = facts["tasks"]
    assert labels["income"]["test"]["counts"]["> 50k"] == 1237
    for part in data.splits:
        assert labels["income"][part]["rate"] == pytest.approx(0.062, abs=1e-4)
        assert labels["never_married"][part]["rate"] == pytest.approx(0.432, abs=0.01)
        assert labels["education"][part]["rate"] == pytest.approx(0.335, abs=0.01)
    used = set(data.feature_sources)
    assert used.isdisjoint({"education", "marital stat", "instance weight", "income"})
    assert len(used) == 38
    assert "Only the official test file (99,762 rows)" in facts["notes"][0]
    for split in data.splits.values():
        assert np.isfinite(split.x).all()


@needs_data
def test_with_both_official_files_the_official_test_rows_are_the_test(tmp_path):
    rows = fetch(ENTRIES["census"])["census-income.test"].splitlines(keepends=True)
    folder = tmp_path / "census_income_kdd"
    folder.mkdir()
    for name, lines in (("test", rows), ("data", (rows + rows)[:199_523])):
        with gzip.open(folder / f"census-income.{name}.gz", "wb", 1) as file:
            file.writelines(lines)
    data = bundled("census", data_dir=tmp_path)
    counts = data.facts["rows"]
    assert (counts["train"], counts["validation"], counts["test"]) == (
        60_000,
        39_905,
        99_762,
    )
    assert data.facts["tasks"]["income"]["test"]["counts"]["> 50k"] == 6186
    assert "official training and test files" in data.facts["notes"][0]
    everything = bundled("census", data_dir=tmp_path, full=True)
    assert len(everything.train) == 199_523 - 39_905
    income = everything.test.y["income"]
    assert income.tobytes() == data.test.y["income"].tobytes()
