"""The section on conflict shows what the study stored of the gradients."""

import numpy as np
import pandas as pd
import pytest

from polytask.lab.reports import write_report
from polytask.lab.reports.charts.cosine_matrix import cosine_matrix
from tests.helpers.parsed_page import ParsedPage
from tests.helpers.synthetic_study import TASKS, SyntheticStudy

NAMES = [task[0] for task in TASKS]
COLUMNS = ["variant", "seed", "epoch", "task", "other", "quantity", "value"]


def rows_of(variant, seed, epoch, weight, cosine, conflict):
    """Return the rows of an epoch; the first two tasks have the given cosine."""
    key = (variant, seed, epoch)
    rows = [(*key, "", "", "conflict", conflict)]
    for place, task in enumerate(NAMES):
        rows.append((*key, task, "", "weight", weight + place))
        rows.append((*key, task, "", "gradient_norm", 10.0**place))
    first, second, third = NAMES
    rows.append((*key, first, second, "cosine", cosine))
    rows.append((*key, first, third, "cosine", np.nan))
    rows.append((*key, second, third, "cosine", 0.25))
    return rows


@pytest.fixture
def watched(tmp_path):
    folder = SyntheticStudy(seeds=(0, 1)).write(tmp_path / "study")
    rows = [
        row
        for seed in (0, 1)
        for epoch in (1, 2)
        for row in rows_of("l1", seed, epoch, 0.5, -0.2 * epoch - seed / 5, 1 / 3)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.to_parquet(folder / "gradients.parquet")
    return folder


def test_the_table_holds_means_over_epochs_and_seeds(watched):
    page = ParsedPage.read(write_report(watched))
    assert page.unbalanced == []
    row = page.table("Share of conflicting pairs").row("L1")
    assert row[1:] == ["33%", "0.50", "1.0", "1.50", "10", "2.50", "100"]


def test_a_run_that_diverged_has_a_page(watched):
    table = pd.read_parquet(watched / "gradients.parquet")
    table.loc[table["quantity"] == "gradient_norm", "value"] = np.inf
    table.to_parquet(watched / "gradients.parquet")
    page = ParsedPage.read(write_report(watched))
    row = page.table("Share of conflicting pairs").row("L1")
    assert row[1:] == ["33%", "0.50", "∞", "1.50", "∞", "2.50", "∞"]


def test_the_matrix_shows_mean_cosines_and_what_is_unknown(watched):
    page = ParsedPage.read(write_report(watched))
    shown = page.words_in("svg")
    assert "income, education: \N{MINUS SIGN}0.40" in shown
    assert "income, hours: n/a" in shown
    assert "education, hours: 0.25" in shown


def test_a_study_that_watched_nothing_has_no_section(study_folder):
    page = ParsedPage.read(write_report(study_folder))
    assert "Balancing and conflict" not in page.text
    assert not [a for a in page.named("a") if a["href"] == "#balancing"]


def test_many_tasks_leave_out_what_has_no_room():
    names = [f"task number {i}" for i in range(40)]
    drawing = str(cosine_matrix(np.eye(40) - 0.5, names, "Nash-MTL"))
    assert drawing.count("<rect") == 1600
    assert "<text" not in drawing
