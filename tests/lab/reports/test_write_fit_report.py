import json

import pandas as pd
import pytest

from polytask.lab.reports import write_fit_report
from tests.helpers.parsed_page import ParsedPage
from tests.helpers.synthetic_study import VARIANTS, SyntheticStudy


@pytest.fixture
def folder(tmp_path):
    """What `polytask fit` writes: one variant, one seed, no single-task runs."""
    return SyntheticStudy(
        variants=VARIANTS[2:3],
        seeds=(0,),
        with_summary=False,
        with_single_task=False,
        title="own.csv",
    ).write(tmp_path / "fit")


def test_the_page_is_well_formed_and_loads_nothing(folder):
    page = ParsedPage.read(write_fit_report(folder))
    assert page.unbalanced == []
    assert not page.named("script")
    assert all(link["href"].startswith("#") for link in page.named("a"))
    targets = {attributes.get("id") for _, attributes in page.tags}
    assert {link["href"][1:] for link in page.named("a")} <= targets


def test_every_stored_metric_is_shown_by_split(folder):
    page = ParsedPage.read(write_fit_report(folder))
    results = pd.read_parquet(folder / "results.parquet")
    table = page.table("Every metric by task")
    for split, place in (("train", 1), ("validation", 2), ("test", 3)):
        chosen = results[(results["task"] == "income") & (results["split"] == split)]
        value = chosen.set_index("metric")["value"]["auc"]
        assert float(table.row("AUC ↑")[place]) == pytest.approx(value, abs=6e-5)


def test_the_answer_gives_the_test_metric_of_each_task(folder):
    page = ParsedPage.read(write_fit_report(folder))
    answer = page.text.partition("Metrics")[2]
    for text in ("test AUC", "test accuracy", "test RMSE", "19,953 test rows"):
        assert text in answer


def test_a_value_stands_under_its_split_where_tasks_have_different_ones(folder):
    results = pd.read_parquet(folder / "results.parquet")
    kept = {"income": ["test"], "hours": ["train"]}
    pairs = zip(results["task"], results["split"], strict=True)
    rows = [split in kept.get(task, [split]) for task, split in pairs]
    results[rows].to_parquet(folder / "results.parquet")
    page = ParsedPage.read(write_fit_report(folder))
    table, answer = (
        page.table("Every metric by task"),
        page.text.partition("Metrics")[2],
    )
    auc, rmse = table.row("AUC ↑"), table.row("RMSE ↓")
    values = results.set_index(["task", "split", "metric"])["value"]
    assert auc[1:3] == ["n/a", "n/a"]
    assert float(auc[3]) == pytest.approx(values["income", "test", "auc"], abs=6e-5)
    assert rmse[2:] == ["n/a", "n/a"]
    assert "train RMSE" in answer
    assert "test RMSE" not in answer


def test_the_page_says_which_network_the_validation_column_is_of(folder):
    assert "is the generalization gap" in ParsedPage.read(write_fit_report(folder)).text
    study = json.loads((folder / "study.json").read_text())
    study["budget"]["refit"] = True
    (folder / "study.json").write_text(json.dumps(study), encoding="utf-8")
    text = ParsedPage.read(write_fit_report(folder)).text
    assert "the validation column is from before" in text
    assert "is the generalization gap" not in text


def test_a_single_model_has_two_panels_per_task_and_no_comparison(folder):
    page = ParsedPage.read(write_fit_report(folder))
    shown = [d for d in page.named("svg") if d.get("aria-hidden") != "true"]
    assert len(shown) == 3 * 2
    assert "Δm" not in page.text
    assert "best of" not in page.text


def test_selected_and_dropped_columns_are_listed(folder):
    page = ParsedPage.read(write_fit_report(folder))
    dropped = json.loads((folder / "features.json").read_text())["l1"]["dropped"]
    assert f"Dropped ({len(dropped)})" in page.text
    assert all(name in page.text for name in dropped)


def test_columns_that_differ_between_tasks_are_listed_by_task(folder):
    features = json.loads((folder / "features.json").read_text())
    features["l1"]["tasks"]["hours"] = ["age"]
    (folder / "features.json").write_text(json.dumps(features), encoding="utf-8")
    page = ParsedPage.read(write_fit_report(folder))
    assert "Read by the shared layers (14)" in page.text
    assert "Read by hours (1)" in page.text


def test_a_model_without_history_has_a_page(folder):
    history = pd.read_parquet(folder / "history.parquet")
    history.iloc[:0].to_parquet(folder / "history.parquet")
    page = ParsedPage.read(write_fit_report(folder))
    assert "No learning curves are stored." in page.text
