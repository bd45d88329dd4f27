"""What version 0.1 wrote is read, continued and shown by this one.

`folders_of_0_1.zip` holds a study, a fitted model and an experiment, each written by
the program of version 0.1 on `table.csv`.
"""

import json
import math
import shutil
from pathlib import Path

import keras
import pandas as pd
import pytest

import polytask_cli
from polytask.lab.studies import Experiment, Outcome, Study, run_study

ARCHIVE = Path(__file__).parents[2] / "fixtures" / "folders_of_0_1.zip"
TASKS = {"click": "auc", "rating": ("rmse", False)}
SETTINGS = {"rows": 5, "network": {"units": 64}}

# A study and an experiment go on with the backend that they began with.
on_jax = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="the folders were written with JAX"
)


@pytest.fixture
def old(tmp_path):
    shutil.unpack_archive(ARCHIVE, tmp_path)
    return tmp_path


@on_jax
def test_an_old_study_trains_nothing_again_and_gives_the_same_numbers(old, capsys):
    before = json.loads((old / "study" / "summary.json").read_text())
    results = pd.read_parquet(old / "study" / "results.parquet")
    summary = run_study(Study.load(old / "study.toml"), old / "study")
    assert "warning" not in capsys.readouterr().err
    for name in ("none", "l1"):
        assert summary["delta_m"][name]["mean"] == before["delta_m"][name]["mean"]
    assert summary["best"] == before["best"]
    assert pd.read_parquet(old / "study" / "results.parquet").equals(results)
    assert polytask_cli.main(["report", str(old / "study")]) == 0


@pytest.mark.parametrize("folder", ["study", "fit"])
def test_an_old_model_predicts(old, folder):
    out = old / "out.csv"
    words = ["predict", str(old / folder), str(old / "table.csv"), "--out", str(out)]
    assert polytask_cli.main(words) == 0
    assert len(pd.read_csv(out)) == 40


def test_the_report_of_an_old_fit_is_written_again(old):
    assert polytask_cli.main(["report", str(old / "fit")]) == 0
    assert "One network for 2 tasks" in (old / "fit" / "report.html").read_text()


@on_jax
def test_an_old_experiment_continues_in_the_new_form(old):
    folder = old / "experiment"
    experiment = Experiment(folder, TASKS, SETTINGS, baseline="single-task")
    assert not (folder / "experiment.json").exists()
    outcomes = experiment.outcomes()
    assert {name: sorted(seeds) for name, seeds in outcomes.items()} == {
        "single-task": [0, 1],
        "a/b: c": [0, 1],
    }
    first = outcomes["a/b: c"][0]
    assert first.value("test", "click", "auc") == 0.77
    assert math.isnan(first.value("test", "rating", "rmse"))
    assert first.extra == {"curve": [1, 2]}

    def never():
        raise AssertionError("trained again")

    assert experiment.run("a/b: c", 1, never).value("test", "rating", "rmse") == 2.0
    scores = {"test": {"click": {"auc": 0.8}, "rating": {"rmse": 1.0}}}
    experiment.run("new", 0, lambda: Outcome(scores))
    assert polytask_cli.main(["report", str(folder)]) == 0
    page = (folder / "report.html").read_text("utf-8")
    assert "Gain over single-task" in page
    assert "a/b: c" in page
