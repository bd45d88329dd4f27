"""A study that is unfinished, odd or damaged has a page that says so, or an error."""

import json
import math
import re

import pandas as pd
import pytest

from polytask.errors import UserError
from polytask.lab.reports import write_report
from polytask.lab.studies.schema import BASELINES_FILE, encoded
from polytask.lab.studies.summary_schema import BaselineModel, BaselineModels
from tests.helpers.synthetic_study import TASKS, VARIANTS
from tests.helpers.written_study import change_json, make, page_of

SCRIPT = "<script>alert(1)</script>"


def test_names_that_are_markup_are_shown_as_text(tmp_path):
    hostile = ((SCRIPT, "binary", ("<b>no</b>", f'"yes"{SCRIPT}')), *TASKS[1:])
    variants = (*VARIANTS[:7], (VARIANTS[7][0], f"<i>{SCRIPT}", *VARIANTS[7][2:]))
    folder = make(
        tmp_path / "study",
        tasks=hostile,
        variants=variants,
        columns=("age", SCRIPT, "'\"><svg onload=alert(1)>"),
        title=f"</title>{SCRIPT}",
    )
    change_json(folder / "study.json", notes=[SCRIPT], command=f"echo {SCRIPT}")
    page = page_of(folder)
    assert page.unbalanced == []
    assert not page.named("script")
    assert not page.named("i")
    assert not any(n.startswith("on") for _, t in page.tags for n in t)
    assert SCRIPT in page.words_in("h1")
    assert SCRIPT in page.words_in("h3")
    assert SCRIPT in page.words_in("li")
    assert SCRIPT in page.words_in("svg")
    assert SCRIPT in page.words_in("code")
    assert "'\"><svg onload=alert(1)>" in page.words_in("li")


def test_missing_runs_are_said_at_the_top(tmp_path):
    folder = make(tmp_path / "study")
    runs = pd.read_parquet(folder / "runs.parquet")
    results = pd.read_parquet(folder / "results.parquet")
    gone = (runs["variant"] == "l1") & (runs["seed"] == 4)
    runs[~gone].to_parquet(folder / "runs.parquet")
    lost = (results["variant"] == "l1") & (results["seed"] == 4)
    results[~lost].to_parquet(folder / "results.parquet")
    page = page_of(folder)
    assert "156 of 160 planned runs" in page.text
    assert "39 of 40 multi-task, 117 of 120 single-task" in page.text
    assert page.text.index("not finished") < page.text.index("is the best of")
    assert "4 of 5 seeds" in page.table("Primary metric").row("L1")[2]


def test_a_variant_without_delta_m_says_why(tmp_path):
    folder = make(tmp_path / "study")
    summary = json.loads((folder / "summary.json").read_text())
    summary["delta_m"]["l2"] = {
        "mean": None,
        "low": None,
        "high": None,
        "per_seed": [],
        "reason": "no seed is finished yet",
    }
    missing = {"task": "income", "split": "test", "metric": "auc"}
    missing |= {"reason": "one class only", "runs": 3}
    change_json(folder / "summary.json", **summary, missing=[missing])
    text = page_of(folder).text
    assert "L2 has no Δm: no seed is finished yet." in text
    assert "AUC of task income on test rows, 3 runs: one class only." in text


def test_a_study_before_its_first_run_has_a_page(tmp_path):
    folder = make(tmp_path / "study")
    for name in ("results", "history", "runs"):
        table = pd.read_parquet(folder / f"{name}.parquet")
        table.iloc[:0].astype(object).to_parquet(folder / f"{name}.parquet")
    (folder / "features.json").write_text("{}", encoding="utf-8")
    no_delta = {"mean": None, "low": None, "high": None, "per_seed": []}
    no_delta["reason"] = "no seed is finished yet"
    delta_m = {variant[0]: no_delta for variant in VARIANTS}
    summary = {"best": None, "delta_m": delta_m, "baseline": {}}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    page = page_of(folder)
    assert "0 of 160 planned runs" in page.text
    assert "There is no comparison yet" in page.text
    assert page.text.count("no seed is finished yet") == 1
    assert page.table("Primary metric").row("L1")[1:] == ["n/a"] * 3


def test_a_study_without_summary_says_that_there_is_no_answer_yet(tmp_path):
    page = page_of(make(tmp_path / "study", with_summary=False))
    assert "There is no comparison yet" in page.text
    assert len(page.table("Primary metric").row("L1")) == 4


def test_one_seed_has_no_interval_and_says_so(tmp_path):
    page = page_of(make(tmp_path / "study", seeds=(7,)))
    assert "There is no interval" in page.text
    assert "; 95% interval" not in page.text
    cells = [cell for row in page.table("Primary metric").rows for cell in row]
    assert not any("±" in cell for cell in cells)
    assert 'class="interval' not in page.html


def test_nan_is_shown_as_not_available(tmp_path):
    folder = make(tmp_path / "study")
    results = pd.read_parquet(folder / "results.parquet")
    mine = (results["variant"] == "l2") & (results["task"] == "income")
    results.loc[mine, "value"] = math.nan
    results.to_parquet(folder / "results.parquet")
    summary = json.loads((folder / "summary.json").read_text())
    summary["delta_m"]["l2"] = {
        "mean": math.nan,
        "low": math.nan,
        "high": math.nan,
        "per_seed": [math.nan] * 5,
    }
    change_json(folder / "summary.json", **summary)
    page = page_of(folder)
    assert page.table("Primary metric").row("L2")[1:3] == ["n/a", "n/a"]
    assert page.table("Gap by variant").row("L2")[1] == "n/a"
    assert not re.search(r"\bnan\b", page.html, flags=re.IGNORECASE)


def test_a_study_without_features_has_a_page(tmp_path):
    page = page_of(make(tmp_path / "study", with_features=False))
    assert "is not stored" in page.text
    assert page.table("Means over seeds").row("L1")[2] == "n/a"


def test_models_that_are_no_networks_are_written_as_networks_are(tmp_path):
    folder = make(tmp_path)
    scores = [("hours", "test", "rmse", 12345.678)]
    models = [BaselineModel(name="linear", task="hours", scores=scores)]
    (folder / BASELINES_FILE).write_bytes(encoded(BaselineModels(models=models)))
    row = page_of(folder).table("Primary metric").row("Linear model")
    assert "12,346" in row


def test_long_names_are_cut_in_charts_only(tmp_path):
    long = "A " + "very " * 40 + "long name"
    variants = ((VARIANTS[0][0], long, *VARIANTS[0][2:]), *VARIANTS[1:])
    page = page_of(make(tmp_path / "study", variants=variants))
    assert page.table("Primary metric").row(long)
    cut = [text for where, text in page.texts if where[-1:] == ("tspan",)]
    assert max(len(text) for text in cut) < 60


def test_a_failure_keeps_the_old_page(tmp_path):
    folder = make(tmp_path / "study")
    old = write_report(folder).read_bytes()
    (folder / "summary.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"summary\.json is damaged"):
        write_report(folder)
    assert (folder / "report.html").read_bytes() == old


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("study.json", None, "study.json is missing"),
        ("study.json", b"[]", "does not hold a JSON object"),
        ("study.json", b'{"format": 9}', "format 9"),
        ("study.json", b'{"format": 1}', "has no 'tasks'"),
        ("results.parquet", None, "results.parquet is missing"),
        ("runs.parquet", b"PAR1 cut", "runs.parquet is damaged"),
    ],
)
def test_a_damaged_folder_is_named(tmp_path, name, content, message):
    folder = make(tmp_path / "study")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        write_report(folder)


def test_a_missing_column_is_named(tmp_path):
    folder = make(tmp_path / "study")
    runs = pd.read_parquet(folder / "runs.parquet").drop(columns="zeros")
    runs.to_parquet(folder / "runs.parquet")
    with pytest.raises(UserError, match="lacks the column 'zeros'"):
        write_report(folder)
