"""What `polytask fit` leaves, and when it refuses."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import polytask_cli
from polytask.lab.studies.recommended import recommended


def test_fit_leaves_the_model_its_preprocessing_and_a_report(fitted):
    names = {path.name for path in (fitted / "run").iterdir()}
    assert {"model.keras", "preprocessing.json", "report.html", "study.json"} <= names
    assert {path.name for path in fitted.iterdir()} == {"data.csv", "run"}
    results = pd.read_parquet(fitted / "run" / "results.parquet")
    assert set(results["task"]) == {"sick", "grade", "score"}
    described = json.loads((fitted / "run" / "study.json").read_text())
    chosen = recommended(54, "good", classes=True).settings.to_dict()
    assert described["variants"][0]["settings"] == {**chosen, "l1": 0.001}


@pytest.mark.slow
def test_a_training_that_diverged_is_one_sentence(fitted, tmp_path, capsys):
    words = ["fit", str(fitted / "data.csv"), "--out", str(tmp_path / "run")]
    words += ["--task", "sick:binary", "--task", "score:regression", "--trunk", "4"]
    words += ["--epochs", "2", "--learning-rate", "1e30"]
    assert polytask_cli.main(words) == 2
    message = capsys.readouterr().err
    assert "the training diverged. A smaller learning rate usually helps." in message
    assert not (tmp_path / "run").exists()


def test_fit_may_learn_of_all_rows_and_says_what_it_leaves_out(
    fitted, tmp_path, capsys
):
    frame = pd.read_csv(fitted / "data.csv").assign(wave=7)
    frame.insert(0, "order_id", range(len(frame)))
    towns = [f"village {row // 3}" for row in range(len(frame))]
    frame["town"] = np.where(np.arange(len(frame)) % 3 == 0, "city", towns)
    frame.to_csv(tmp_path / "data.csv", index=False)
    words = ["fit", str(tmp_path / "data.csv"), "--task", "sick:binary"]
    words += ["--trunk", "4", "--epochs", "1", "--split", "0.75,0.25,0"]
    words += ["--min-frequency", "4"]
    assert polytask_cli.main([*words, "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr()
    assert (
        "2 columns left out: 'order_id' (consecutive numbers, one a row), "
        "'wave' (always '7')." in said.err
    )
    assert re.search(
        r"column 'town': \d+ of its \d+ categories, in \d\d% of the training rows, "
        "count as one; --max-categories",
        said.err,
    )
    assert "validation" in said.out
    assert "test" not in said.out.split("Model:")[0]
    split = pd.read_csv(tmp_path / "run" / "split.csv")
    assert split["part"].value_counts().to_dict() == {"train": 68, "validation": 22}


@pytest.mark.slow
def test_fit_takes_a_study_file_that_describes_its_target_as_an_input(fitted, tmp_path):
    study = tmp_path / "study.toml"
    study.write_text(
        f'name = "s"\n[data]\nfile = "{(fitted / "data.csv").as_posix()}"\n'
        '[data.columns]\nage = "numeric"\nsick = "boolean"\n'
        '[tasks]\ngrade = "multiclass"\n[variants.none]\n'
    )
    words = ["fit", str(fitted / "data.csv"), "--task", "sick:binary", "--epochs", "1"]
    words += ["--config", str(study), "--out", str(tmp_path / "run")]
    assert polytask_cli.main(words) == 0


def test_a_fit_takes_the_tasks_of_a_study_file_and_replaces_only_when_told(
    fitted, run, tmp_path, capsys
):
    study = tmp_path / "study.toml"
    table = (fitted / "data.csv").as_posix()
    study.write_text(
        f'[data]\nfile = "{table}"\n[tasks]\ngrade = "multiclass"\n[variants.none]\n'
    )
    words = ["fit", table, "--config", str(study), "--epochs", "1", "--out", str(run)]
    assert polytask_cli.main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert polytask_cli.main([*words, "--overwrite"]) == 0
    described = json.loads((run / "study.json").read_text())
    assert [task["name"] for task in described["tasks"]] == ["grade"]
    assert {path.name for path in tmp_path.iterdir()} == {"study.toml", "run"}
