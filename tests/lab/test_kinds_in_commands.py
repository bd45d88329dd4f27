"""Counts, positive numbers and grades, from fit to report."""

import json
import tomllib

import numpy as np
import pandas as pd
import pytest

import polytask_cli
from polytask.lab.metrics import constant_prediction, task_loss
from polytask.lab.studies.baselines import fit_baselines
from polytask.lab.tables import from_table, read_table

TASKS = {"visits": "count", "price": "positive", "grade": "ordinal"}


def table(rows=240, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3)).round(4)
    signal = x @ [0.8, -0.6, 0.3]
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame["visits"] = random.poisson(np.exp(1 + 0.7 * signal))
    frame["price"] = np.exp(3 + signal + 0.2 * random.normal(size=rows)).round(2)
    frame["grade"] = 1 + np.digitize(
        signal + random.logistic(size=rows) / 3, [-0.8, 0, 0.8]
    )
    frame.loc[::7, "visits"] = np.nan
    frame.loc[::9, "grade"] = np.nan
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with data.csv and run/, which `polytask fit` wrote."""
    folder = tmp_path_factory.mktemp("kinds")
    table().to_csv(folder / "data.csv", index=False)
    words = ["fit", str(folder / "data.csv"), "--out", str(folder / "run")]
    for name, kind in TASKS.items():
        words += ["--task", f"{name}:{kind}"]
    words += ["--epochs", "40", "--trunk", "8", "--towers", "", "--batch-size", "16"]
    assert polytask_cli.main(words) == 0
    return folder


def test_fit_learns_each_kind_and_reports_it(folder):
    results = pd.read_parquet(folder / "run" / "results.parquet")
    scores = results[results["split"] == "test"].set_index(["task", "metric"])["value"]
    assert np.isfinite(scores).all()
    data, _ = from_table(read_table(folder / "data.csv"), TASKS)
    for task in data.tasks:
        labels = data.test.y[task.name]
        guess = constant_prediction(task, data.train.y[task.name], len(labels))
        assert scores[task.name, "loss"] < task_loss(task, labels, guess)
    assert scores["grade", "kappa"] > 0
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    for label in ("Poisson deviance", "RMSE of logarithms", "MAE in ranks"):
        assert label in page


def test_predictions_are_in_the_units_of_the_labels(folder, tmp_path):
    out = tmp_path / "out.csv"
    words = ["predict", str(folder / "run"), str(folder / "data.csv")]
    assert polytask_cli.main([*words, "--out", str(out)]) == 0
    found, truth = pd.read_csv(out), table()
    assert list(found.columns) == [
        *("visits", "price", "grade", "grade=1", "grade=2", "grade=3", "grade=4"),
    ]
    assert (found[["visits", "price"]] > 0).all(axis=None)
    assert found["visits"].mean() == pytest.approx(truth["visits"].mean(), rel=0.3)
    logs = np.log(found["price"]).corr(np.log(truth["price"]))
    assert logs > 0.5
    assert set(found["grade"]) <= {1, 2, 3, 4}
    grades = [f"grade={grade}" for grade in range(1, 5)]
    np.testing.assert_allclose(found[grades].sum(axis=1), 1, atol=1e-5)


def test_evaluate_gives_the_metrics_of_each_kind(folder, capsys):
    words = ["evaluate", str(folder / "run"), str(folder / "data.csv")]
    assert polytask_cli.main(words) == 0
    shown = capsys.readouterr().out
    for metric in ("poisson_deviance", "log_rmse", "rank_mae", "kappa"):
        assert metric in shown


def test_a_study_compares_them_with_single_tasks_and_baselines(folder, tmp_path):
    study = tmp_path / "study.toml"
    lines = [
        f"[data]\nfile = {json.dumps(str(folder / 'data.csv'))}",
        "[tasks]\n" + "\n".join(f'{n} = "{kind}"' for n, kind in TASKS.items()),
        "[network]\ntrunk = [4]\ntowers = []\n[budget]\nepochs = 2\nseeds = 1",
        "[variants.none]",
    ]
    study.write_text("\n".join(lines), encoding="utf-8")
    assert tomllib.loads(study.read_text(encoding="utf-8"))
    out = tmp_path / "out"
    words = ["compare", str(study), "--out", str(out), "--jobs", "1"]
    assert polytask_cli.main(words) == 0
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert np.isfinite(summary["delta_m"]["none"]["mean"])


def test_single_task_models_of_other_kinds_know_counts_and_logarithms():
    dataset, _ = from_table(table(), TASKS)
    models = fit_baselines(dataset, ["constant", "linear", "trees", "svm"])
    scores = {
        (model.task, model.name): value
        for model in models
        for task, split, metric, value in model.scores
        if split == "test" and metric == dataset_primary(dataset, task)
    }
    for task in ("visits", "price", "grade"):
        for name in ("linear", "trees", "svm"):
            assert scores[task, name] < scores[task, "constant"]


def dataset_primary(dataset, task):
    return next(t.rules.primary.name for t in dataset.tasks if t.name == task)
