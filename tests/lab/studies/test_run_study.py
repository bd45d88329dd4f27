import json
import os
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import polytask
import polytask_cli
from polytask.errors import UserError
from polytask.lab.studies import Run, Settings, Study, Variant, run_study
from polytask.lab.studies.epoch_selection import EpochSelection
from polytask.lab.studies.folder import locked
from polytask.lab.studies.load_data import load_data
from polytask.lab.studies.record import train_run
from polytask.lab.studies.store import Store

STABLE = ("results.parquet", "history.parquet", "features.json", "summary.json")


def contents(folder):
    return {name: (folder / name).read_bytes() for name in STABLE}


def test_a_study_folder_holds_what_reports_read(finished):
    study, folder, summary = finished
    results = pd.read_parquet(folder / "results.parquet")
    assert set(results["model"]) == {"multi-task", "single-task"}
    assert set(results["split"]) == {"train", "validation", "test"}
    binary = {"auc", "accuracy", "log_loss", "ece", "loss"}
    assert set(results.loc[results["task"] == "sick", "metric"]) == binary
    history = pd.read_parquet(folder / "history.parquet")
    assert history["epoch"].min() == 1
    runs = pd.read_parquet(folder / "runs.parquet")
    assert len(runs) == 6
    assert (runs.loc[runs["variant"] == "l1", "zeros"] > 0).all()
    assert (runs.loc[runs["variant"] == "none", "zeros"] == 0).all()
    described = json.loads((folder / "study.json").read_text())
    assert described["created_by"]["backend"] == keras.backend.backend()
    assert described["plain"] == "none"
    assert described["fingerprint"] == study.fingerprint
    features = json.loads((folder / "features.json").read_text())
    assert features["none"]["shared"] == ["age", "job"]
    assert features["none"]["total"] == 2
    assert summary["best"] in ("none", "l1")


def test_the_best_model_is_the_one_that_was_measured(finished):
    _, folder, summary = finished
    model = keras.saving.load_model(folder / "best.keras")
    assert isinstance(model, polytask.MultiTaskModel)
    best = f"multi-task--all--{summary['best']}--seed0"
    record = json.loads((folder / "runs" / f"{best}.json").read_text())
    assert model.count_params() == record["parameters"]


def test_the_kept_epoch_is_the_best_on_validation_data(finished):
    _, folder, _ = finished
    record = json.loads((folder / "runs/multi-task--all--none--seed0.json").read_text())
    stored = {
        task: value
        for task, split, metric, value in record["scores"]
        if (split, metric) == ("validation", "loss")
    }
    at_best = {
        task: value
        for task, epoch, split, metric, value in record["history"]
        if (epoch, split, metric) == (record["best_epoch"], "validation", "loss")
    }
    assert stored == pytest.approx(at_best, rel=1e-5)


def test_the_epoch_whose_mean_loss_is_smallest_is_the_best(trained):
    study, _, _ = trained
    dataset, _ = load_data(study.data)
    tasks = [task for task in dataset.tasks if task.name == "score"]
    selection = EpochSelection(dataset, tuple(tasks), patience=2, curves=False)
    labels = np.nan_to_num(dataset.validation.y["score"])
    judged = [
        selection.judge({"validation": {"score": labels + error}})[0]
        for error in (3.0, 1.0, 2.0, 1.5)
    ]
    assert judged == [True, True, False, False]
    assert selection.best_epoch == 2
    assert selection.ends


@pytest.mark.slow
@pytest.mark.one_backend
def test_lost_and_damaged_runs_are_trained_again_and_nothing_else(finished, capsys):
    study, folder, _ = finished
    before = contents(folder)
    (folder / "runs/single-task--sick--l1--seed0.json").unlink()
    (folder / "runs/single-task--score--none--seed0.json").write_text('{"form')
    (folder / "runs/multi-task--all--l1--seed0.keras").unlink()
    kept = folder / "runs/multi-task--all--none--seed0.json"
    stamp = kept.stat().st_mtime_ns
    capsys.readouterr()
    run_study(study, folder)
    warnings = [
        line for line in capsys.readouterr().err.splitlines() if "warning" in line
    ]
    assert len(warnings) == 2
    assert "single-task--score--none--seed0.json is damaged" in warnings[0]
    assert "its model is missing" in warnings[1]
    assert contents(folder) == before
    assert kept.stat().st_mtime_ns == stamp


@pytest.mark.slow
@pytest.mark.one_backend
def test_a_study_may_be_extended_by_a_variant(finished):
    study, folder, _ = finished
    kept = {path: path.read_bytes() for path in (folder / "runs").glob("*.json")}
    l2 = Variant("l2", "L2", Settings(l2=0.1))
    run_study(replace(study, variants=(*study.variants, l2)), folder)
    results = pd.read_parquet(folder / "results.parquet")
    assert set(results["variant"]) == {"none", "l1", "l2"}
    assert {path: path.read_bytes() for path in kept} == kept


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 1}, "holds another study: its budget"),
        ({"variants": ["none"]}, "has the variant l1, which is not asked for"),
    ],
)
def test_a_study_may_not_be_changed(finished, change, message):
    study, folder, _ = finished
    before = (folder / "study.json").read_bytes()
    with pytest.raises(UserError, match=message):
        run_study(study.narrowed(**change), folder)
    assert (folder / "study.json").read_bytes() == before


def test_other_data_is_another_study(finished, tiny_study):
    _, folder, _ = finished
    table = tiny_study.parent / "table.csv"
    frame = pd.read_csv(table)
    frame.loc[0, "age"] += 1
    frame.to_csv(table, index=False)
    study = Study.load(tiny_study).narrowed(seeds=1)
    with pytest.raises(UserError, match="holds another study: its data"):
        run_study(study, folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": (("job", "ngrams"),)}, "its column 'job' is categorical of 2"),
        ({"min_frequency": 9}, "its min_frequency is 5, asked for is 9"),
    ],
)
def test_columns_encoded_in_another_way_are_another_study(finished, change, message):
    study, folder, _ = finished
    other = replace(study, data=replace(study.data, **change))
    with pytest.raises(UserError, match=message):
        run_study(other, folder)


def test_a_folder_with_other_files_is_left_alone(tiny_study):
    folder = tiny_study.parent / "photos"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match=r"holds no study \(it has holiday.jpg\)"):
        run_study(Study.load(tiny_study), folder)
    assert [path.name for path in folder.iterdir()] == ["holiday.jpg"]


def test_two_processes_do_not_write_to_one_folder(tiny_study):
    folder = tiny_study.parent / "run"
    folder.mkdir()
    with locked(folder), pytest.raises(UserError, match="Another process"):
        run_study(Study.load(tiny_study), folder)


def test_what_a_killed_process_wrote_aside_is_removed(finished):
    study, folder, _ = finished
    left = folder / "runs" / ".multi-task--all--l1--seed0.77.polytask-tmp.keras"
    left.write_bytes(b"half")
    run_study(study, folder)
    assert not left.exists()


def test_the_remains_of_a_killed_fit_stop_no_study(finished):
    study, folder, _ = finished
    (folder / ".run.77.polytask-tmp" / "runs").mkdir(parents=True)
    run_study(study, folder)


@pytest.mark.slow
@pytest.mark.one_backend
@pytest.mark.parametrize("jobs", [0, 1])
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ('regularizer = { name = "l2_sp", reference = [1.0] }', "the reference has"),
        ('balancer = { name = "fixed", task_weights = [1, 2, 3] }', "2 tasks"),
    ],
)
def test_a_variant_that_does_not_fit_the_data_is_refused_before_any_training(
    tiny_study, jobs, option, message
):
    text = tiny_study.read_text().replace("l1 = 1e-2", option)
    tiny_study.write_text(text)
    folder = tiny_study.parent / "run"
    with pytest.raises(UserError, match=f"variant l1 does not fit.*{message}"):
        run_study(Study.load(tiny_study).narrowed(seeds=1), folder, jobs)
    assert not list((folder / "runs").iterdir())


def test_what_jax_says_of_its_cache_is_no_warning_of_a_run(trained, monkeypatch):
    study, folder, _ = trained
    module = sys.modules["polytask.lab.studies.record"]
    real = module.train

    def warned(*arguments, **options):
        for text in ("Error reading persistent compilation cache entry: x", "Odd."):
            warnings.warn(text, stacklevel=1)
        return real(*arguments, **options)

    monkeypatch.setattr(module, "train", warned)
    dataset, _ = load_data(study.data)
    run = Run("single-task", "none", 0, "sick")
    record = train_run(study, dataset, Store(folder), run)
    assert record.warnings == ["Odd."]


@pytest.mark.slow
@pytest.mark.one_backend
def test_warnings_of_a_run_are_kept_once_in_the_summary(trained, tmp_path):
    study, _, _ = trained
    both = Settings(dropout_trunk=0.1, batch_norm=True)
    study = replace(study, variants=(Variant("both", "Both", both),), plain=None)
    summary = run_study(study, tmp_path / "run")
    assert len(summary["warnings"]) == len(set(summary["warnings"])) > 0
    assert "before batch normalization" in summary["warnings"][0]


def test_a_run_does_not_depend_on_the_runs_before_it(finished):
    study, folder, _ = finished
    alone = folder.parent / "alone"
    run_study(study.narrowed(["l1"]), alone)
    name = "runs/single-task--score--l1--seed0.json"
    first, second = (json.loads((f / name).read_text()) for f in (folder, alone))
    assert first["scores"] == second["scores"]
    assert first["history"] == second["history"]


def words(study, out, jobs):
    return ["compare", str(study), "--out", str(out), "--jobs", jobs, "--seeds", "1"]


def compare(*arguments):
    root = str(Path(polytask.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-m", "polytask_cli", *words(*arguments)],
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stored_runs(folder):
    return len(list((folder / "runs").glob("*.json")))


@pytest.mark.one_backend
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX systems")
def test_a_study_killed_and_continued_equals_an_uninterrupted_one(tiny_study):
    whole, killed = tiny_study.parent / "whole", tiny_study.parent / "killed"
    process = compare(tiny_study, killed, "2")
    while stored_runs(killed) < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert stored_runs(killed) < 6
    assert not (killed / "results.parquet").exists()
    for folder in (killed, whole):
        assert polytask_cli.main(words(tiny_study, folder, "1")) == 0
        assert stored_runs(folder) == 6
        assert (folder / "report.html").exists()
    assert contents(killed) == contents(whole)
    assert np.isfinite(pd.read_parquet(killed / "results.parquet")["value"]).all()
