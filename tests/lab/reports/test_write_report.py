import ast
import json
import os
import re
from pathlib import Path

import pandas as pd
import pytest

import polytask.lab.reports
from polytask.lab.reports import write_report
from polytask.lab.reports.delta_section import delta_section
from polytask.lab.reports.stored_study import StoredStudy
from tests.helpers.synthetic_study import PRIMARY, TASKS, VARIANTS
from tests.helpers.written_study import change_json, make, page_of


def numbers(text: str) -> list[float]:
    plain = text.replace("\N{MINUS SIGN}", "-").replace(",", "")
    return [float(found) for found in re.findall(r"[-+]?\d+(?:\.\d+)?", plain)]


def rounds_to(shown: str, value: float) -> bool:
    decimals = len(shown.partition(".")[2].rstrip("%"))
    return abs(numbers(shown)[0] - value) <= 0.5001 * 10**-decimals


def test_the_page_is_well_formed(page):
    assert page.html.startswith("<!DOCTYPE html>")
    assert page.unbalanced == []


def test_the_page_loads_nothing_and_runs_nothing(page):
    names = {name for name, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "base", "form"}
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name != "src"
            if name in ("href", "xlink:href"):
                assert value.startswith("#")
    style = page.words_in("style")
    assert "url(" not in style
    assert "@import" not in style
    policy = page.named("meta")[2]
    assert policy["content"].startswith("default-src 'none'")


def test_a_source_address_is_shown_as_text(page):
    assert "https://archive.ics.uci.edu" in page.text


def test_links_inside_the_page_have_targets(page):
    targets = {attributes.get("id") for _, attributes in page.tags}
    links = {link["href"][1:] for link in page.named("a")}
    assert links <= targets
    described = {t.get("aria-labelledby") for _, t in page.tags} - {None}
    assert described <= targets


def test_ids_are_unique(page):
    ids = [t["id"] for _, t in page.tags if "id" in t]
    assert len(ids) == len(set(ids))


def test_every_drawing_has_a_name_and_a_description(page):
    drawings = page.named("svg")
    shown = [d for d in drawings if d.get("aria-hidden") != "true"]
    # The folded variants have a panel for each task and metric as well.
    assert len(shown) == 2 + 3 * 4 + (len(VARIANTS) - 2) * 3 * 2
    assert all(d["role"] == "img" and d["aria-label"] for d in shown)
    assert len(page.named("desc")) == len(shown)


def test_every_table_has_a_caption_and_header_scopes(page):
    assert all(table.caption for table in page.tables)
    assert all("scope" in header for header in page.named("th"))


def test_the_answer_names_the_best_variant_with_its_interval(study_folder, page):
    summary = json.loads((study_folder / "summary.json").read_text())
    best = summary["delta_m"][summary["best"]]
    answer = page.text.partition("Gain over")[0]
    titles = {variant[0]: variant[1] for variant in VARIANTS}
    assert f"{titles[summary['best']]} is the best of 8 variants" in answer
    figure = re.search(r"Δm of the best variant (\S+) (\[.*?\])", answer)
    assert rounds_to(figure[1], best["mean"])
    low, high = figure[2].strip("[]").split(", ")
    assert rounds_to(low, best["low"])
    assert rounds_to(high, best["high"])


def test_the_cost_is_in_the_answer(study_folder, page):
    runs = pd.read_parquet(study_folder / "runs.parquet")
    runs = runs[runs["model"] == "multi-task"]
    seconds = runs.groupby("variant")["seconds"].mean()
    summary = json.loads((study_folder / "summary.json").read_text())
    ratio = seconds[summary["best"]] / seconds["none"]
    shown = re.search(r"and (\S+) times the training time", page.text)[1]
    assert rounds_to(shown, ratio)
    assert "66,694 parameters" in page.text


@pytest.mark.parametrize(
    ("low", "high", "sentence"),
    [
        (0.2, 1.8, "The interval lies above 0"),
        (-0.5, 1.5, "The interval covers 0"),
        (-1.5, -0.5, "The interval lies below 0"),
    ],
)
def test_certainty_is_said_plainly(tmp_path, low, high, sentence):
    folder = make(tmp_path / "study")
    summary = json.loads((folder / "summary.json").read_text())
    summary["delta_m"][summary["best"]].update(
        mean=(low + high) / 2, low=low, high=high
    )
    change_json(folder / "summary.json", **summary)
    assert sentence in page_of(folder).text


def test_the_chart_shows_variants_by_falling_delta_m(study_folder, page):
    delta_m = json.loads((study_folder / "summary.json").read_text())["delta_m"]
    titles = {variant[0]: variant[1] for variant in VARIANTS}
    order = sorted(delta_m, key=lambda name: -delta_m[name]["mean"])
    described = page.words_in("desc").partition("; ")[0]
    assert titles[order[0]] in described
    places = [page.words_in("desc").index(f"{titles[name]}: ") for name in order]
    assert places == sorted(places)


def test_beside_the_mean_stands_the_change_of_the_worst_task(study_folder):
    delta_m = json.loads((study_folder / "summary.json").read_text())["delta_m"]
    stored = {title: delta_m[name] for name, title, *_ in VARIANTS if name in delta_m}
    rows = delta_section(StoredStudy.read(study_folder))["rows"]
    assert rows
    for row in rows:
        assert row["worst_task"] == stored[row["title"]]["worst_task"]
        assert rounds_to(row["worst"], stored[row["title"]]["worst"])


def test_the_results_table_equals_the_stored_results(study_folder, page):
    results = pd.read_parquet(study_folder / "results.parquet")
    table = page.table("Primary metric")
    for name, title, *_ in VARIANTS:
        row = table.row(title)
        for place, (task, kind, _) in enumerate(TASKS):
            values = results[
                (results["model"] == "multi-task")
                & (results["variant"] == name)
                & (results["task"] == task)
                & (results["split"] == "test")
                & (results["metric"] == PRIMARY[kind])
            ]["value"]
            mean, sd = row[2 + place].split(" ± ")
            assert rounds_to(mean, values.mean())
            assert rounds_to(sd, values.std())


def test_the_strongest_baseline_names_its_regularizer(study_folder, page):
    baseline = json.loads((study_folder / "summary.json").read_text())["baseline"]
    titles = {variant[0]: variant[1] for variant in VARIANTS}
    row = page.table("Primary metric").row("Strongest, chosen on validation data")
    for place, (task, *_) in enumerate(TASKS):
        assert rounds_to(row[2 + place].split(" ± ")[0], baseline[task]["value"])
        assert row[2 + place].endswith(titles[baseline[task]["variant"]])


def test_the_plain_baseline_is_shown(study_folder, page):
    plain = json.loads((study_folder / "summary.json").read_text())
    row = page.table("Primary metric").row("Plain, without regularization")
    for place, (task, *_) in enumerate(TASKS):
        value = plain["plain_single_task"][task]["value"]
        assert rounds_to(row[2 + place].split(" ± ")[0], value)


def test_the_best_of_a_column_is_bold_in_the_better_direction(page):
    bold = re.findall(r'<td class="best"><strong>([^<]+)</strong>', page.html)
    table = page.table("Primary metric")
    rows = [row for row in table.rows if len(row) == 5 and "±" in row[2]]
    for place, better in ((2, max), (3, max), (4, min)):
        best = better(numbers(row[place])[0] for row in rows)
        assert best in [numbers(text)[0] for text in bold]


def test_the_gap_is_training_minus_validation_turned_for_losses(study_folder, page):
    results = pd.read_parquet(study_folder / "results.parquet")
    own = results[(results["model"] == "multi-task") & (results["variant"] == "none")]
    mean = own.groupby(["task", "metric", "split"])["value"].mean()
    row = page.table("Gap by variant").row("No regularization")
    auc = mean["income", "auc", "train"] - mean["income", "auc", "validation"]
    loss = mean["income", "loss", "validation"] - mean["income", "loss", "train"]
    rmse = mean["hours", "rmse", "validation"] - mean["hours", "rmse", "train"]
    assert rounds_to(row[1], auc)
    assert rounds_to(row[2], loss)
    assert rounds_to(row[5], rmse)


def test_exact_zeros_and_columns_are_shown(study_folder, page):
    features = json.loads((study_folder / "features.json").read_text())
    row = page.table("Means over seeds").row("L1")
    assert row[1:6] == ["62.0%", "14 of 22", "41,108", "66,304", "66,694"]
    assert all(name in page.text for name in features["l1"]["dropped"])


def test_data_facts_are_shown(page):
    table = page.table("Rows and labels")
    assert table.row("Rows")[1:] == ["59,857", "19,952", "19,953"]
    assert table.row("Missing labels")[1] == "11,971 (20.0%)"
    assert table.row("Label rate")[1] == "6.2% 50000+."
    assert "CC BY 4.0" in page.text
    assert "The rows were split 60/20/20 with a fixed seed." in page.text


def test_settings_versions_and_command_are_shown(page):
    assert "polytask compare census --out runs/census" in page.text
    assert "kernel.strength = 0.0003" in page.text
    for text in ("3.15.1", "0.10.2", "jax", "Linux-6.1-x86_64", "128, 64"):
        assert text in page.text


def test_a_finished_study_has_no_warning(page):
    assert "not finished" not in page.text


def test_the_same_folder_gives_the_same_bytes(study_folder, tmp_path):
    first = write_report(study_folder).read_bytes()
    assert write_report(study_folder).read_bytes() == first


def test_nothing_is_left_aside(study_folder):
    write_report(study_folder)
    assert not [name for name in os.listdir(study_folder) if "tmp" in name]


SCHEMA = "polytask.lab.studies.schema"


def test_the_package_imports_neither_keras_nor_the_training_code():
    allowed = {"polytask.errors", "polytask.lab.reports", "polytask.lab.kinds"}
    allowed |= {"polytask.metric_direction", "polytask._atomic"}
    # What studies and searches left in their folders.
    stored = ("summary_schema", "stored_diagnostics", "search.result", "search.space")
    readers = {SCHEMA, *(f"polytask.lab.studies.{name}" for name in stored)}
    for source in Path(polytask.lab.reports.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.partition(".")[0] not in {"keras", "jax", "torch"}
                if name.startswith("polytask") and name not in readers:
                    assert ".".join(name.split(".")[:3]) in allowed
