"""The report of a stored fit, written again."""

import json

import numpy as np
import pandas as pd
import pytest

import polytask_cli
from tests.helpers.parsed_page import ParsedPage


def test_the_report_is_written_again(run):
    (run / "report.html").unlink()
    assert polytask_cli.main(["report", str(run)]) == 0
    assert (run / "report.html").exists()


def test_the_report_shows_other_models_confusions_and_the_columns_that_matter(run):
    page = ParsedPage.read(run / "report.html")
    heading = page.table("Every metric by task").rows[0]
    assert any("boosted trees" in text for text in heading)
    content = json.loads((run / "diagnostics.json").read_text())
    for task in content["tasks"]:
        known = {"age", "job"}
        assert {column for column, _ in task["importance"]} == known
        rows = pd.read_csv(run / "split.csv")
        tested = int((rows["part"] == content["split"]).sum())
        if task["task"] != "score":
            assert np.sum(task["confusion"]) == tested
        else:
            assert 0 < len(task["pairs"]) <= tested
    assert "Rows by label (down) and prediction (across)" in page.text
    assert "trained in" not in page.text


def test_an_older_fit_has_a_report_without_them(run):
    (run / "diagnostics.json").unlink()
    assert polytask_cli.main(["report", str(run)]) == 0
    assert "boosted trees" not in (run / "report.html").read_text(encoding="utf-8")


def test_a_report_writes_through_no_link(run, tmp_path, capsys):
    outside = tmp_path / "outside.txt"
    outside.write_text("precious")
    for name in ("report.html", "summary.json", "results.parquet"):
        (run / name).unlink()
        (run / name).symlink_to(outside)
    assert polytask_cli.main(["report", str(run)]) == 0
    (run / ".lock").unlink(missing_ok=True)
    (run / ".lock").symlink_to(outside)
    assert polytask_cli.main(["report", str(run)]) == 2
    assert ".lock is a symbolic link" in capsys.readouterr().err
    assert outside.read_text() == "precious"


def test_a_damaged_run_of_a_fit_is_named_and_its_report_kept(run, capsys):
    (path,) = (run / "runs").glob("*.json")
    page = (run / "report.html").read_bytes()
    for change in ({"epochs": 10**30}, {"scores": [[1]]}, {"seed": None}):
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, **change}))
        assert polytask_cli.main(["report", str(run)]) == 2
        assert f"{path.name} is damaged" in capsys.readouterr().err
        path.write_text(json.dumps(content))
    assert (run / "report.html").read_bytes() == page


@pytest.mark.parametrize("name", ["study.json", "summary.json", "features.json"])
def test_a_damaged_stored_file_is_one_sentence(run, capsys, name):
    path = run / name
    page = (run / "report.html").read_bytes()
    if name == "study.json":
        content = json.loads(path.read_text())
        content["tasks"][0]["classes"] = 3
        path.write_text(json.dumps(content))
        assert polytask_cli.main(["report", str(run)]) == 2
        message = capsys.readouterr().err.strip()
        assert "study.json is damaged: Expected `array`, got `int`" in message
        assert "\n" not in message
        assert (run / "report.html").read_bytes() == page
    else:
        # They follow from the runs, and are written again.
        path.write_text("{")
        assert polytask_cli.main(["report", str(run)]) == 0
