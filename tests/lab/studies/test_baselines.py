import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score

from polytask.errors import UserError
from polytask.lab.metrics import delta_m
from polytask.lab.reports import write_report
from polytask.lab.studies.baselines import fit_baselines
from polytask.lab.studies.run_study import run_study
from polytask.lab.studies.study import Study
from polytask.lab.tables import from_table
from polytask_options import Baselines

ROWS = 150


@pytest.fixture(scope="module")
def dataset():
    random = np.random.default_rng(0)
    x, z = random.normal(size=(2, ROWS))
    table = pd.DataFrame(
        {
            "x": x,
            "z": z,
            "ring": np.where(x**2 + z**2 > 1.2, "out", "in"),
            "side": np.array(["left", "middle", "right"])[np.digitize(x, [-0.5, 0.5])],
            "sum": x + 2 * z + random.normal(size=ROWS) / 10,
        }
    )
    table.loc[::4, "sum"] = np.nan
    kinds = ["ring:binary", "side:multiclass", "sum:regression"]
    return from_table(table, kinds)[0]


@pytest.fixture(scope="module")
def baselines(dataset):
    return {(b.task, b.name): b for b in fit_baselines(dataset)}


def score_on_test(baselines, task, name, metric):
    rows = baselines[task, name].scores
    return {tuple(row[:3]): row[3] for row in rows}[task, "test", metric]


def test_each_kind_of_model_is_fitted_for_each_task(baselines):
    names = ("constant", "linear", "trees", "svm")
    tasks = ("ring", "side", "sum")
    assert list(baselines) == [(task, name) for task in tasks for name in names]


def test_a_ring_is_seen_by_trees_and_kernels_and_not_by_lines(baselines):
    auc = {
        name: score_on_test(baselines, "ring", name, "auc")
        for name in ("linear", "trees", "svm")
    }
    assert auc["svm"] > 0.95
    assert auc["trees"] > 0.8
    assert auc["linear"] < 0.75


def test_a_line_is_best_found_by_the_linear_model(baselines):
    rmse = {
        name: score_on_test(baselines, "sum", name, "rmse")
        for name in ("constant", "linear", "trees", "svm")
    }
    assert min(rmse, key=rmse.get) == "linear"
    assert rmse["linear"] == pytest.approx(0.1, rel=0.5)
    assert max(rmse, key=rmse.get) == "constant"


def test_the_setting_is_chosen_on_validation_rows_as_by_hand(dataset, baselines):
    part = {s: (rows.x, rows.y["ring"]) for s, rows in dataset.splits.items()}
    aucs = {}
    for strength in (0.01, 0.1, 1.0, 10.0, 100.0):
        model = LogisticRegression(C=1 / strength, max_iter=1000).fit(*part["train"])
        for split in ("validation", "test"):
            x, y = part[split]
            aucs[split, strength] = roc_auc_score(y, model.predict_proba(x)[:, 1])
    chosen = baselines["ring", "linear"].setting["strength"]
    best = max(value for (split, _), value in aucs.items() if split == "validation")
    assert aucs["validation", chosen] == best
    assert score_on_test(baselines, "ring", "linear", "auc") == aucs["test", chosen]


def test_a_task_with_one_class_in_training_has_the_constant_alone(dataset):
    y = {**dataset.train.y, "ring": np.zeros(len(dataset.train), np.float32)}
    poor = replace(dataset, train=replace(dataset.train, y=y))
    names = [b.name for b in fit_baselines(poor) if b.task == "ring"]
    assert names == ["constant"]


@pytest.mark.slow
def test_trees_take_more_classes_than_a_tenth_of_the_rows():
    of = np.arange(72) % 12
    table = pd.DataFrame({"x": of / 12, "letter": np.array(list("abcdefghijkl"))[of]})
    small, _ = from_table(table, ["letter:multiclass"])
    [trees] = fit_baselines(small, ["trees"])
    assert trees.name == "trees"


def test_a_class_without_training_rows_gets_no_probability(dataset):
    labels = dataset.train.y["side"]
    y = {**dataset.train.y, "side": np.where(labels == 1, -1, labels)}
    poor = replace(dataset, train=replace(dataset.train, y=y))
    (linear,) = (b for b in fit_baselines(poor, ["linear"]) if b.task == "side")
    scores = {tuple(row[:3]): row[3] for row in linear.scores}
    assert 0.3 < scores["side", "test", "accuracy"] < 0.9


def test_a_study_is_compared_with_the_strongest_model_of_any_kind(trained):
    _, folder, summary = trained
    rivals = summary["strongest_model"]
    stored = json.loads((folder / "baselines.json").read_text())
    assert [(m["task"], m["name"]) for m in stored["models"]] == [
        (task, name) for task in ("sick", "score") for name in ("constant", "linear")
    ]
    # A noisy line: two epochs of a network are far behind.
    assert (rivals["score"]["model"], rivals["score"]["variant"]) == (
        "baseline",
        "linear",
    )
    theirs = {task: rival["value"] for task, rival in rivals.items()}
    results = pd.read_parquet(folder / "results.parquet")
    for variant, delta in summary["delta_m_any_model"].items():
        test = results[(results["variant"] == variant) & (results["split"] == "test")]
        ours = {
            task: test.query("model == 'multi-task'")
            .set_index(["task", "metric"])["value"]
            .loc[task, rival["metric"]]
            for task, rival in rivals.items()
        }
        expected = delta_m(ours, theirs, {"sick": True, "score": False}, theirs)
        assert delta["mean"] == pytest.approx(expected)
    page = write_report(folder).read_text()
    assert "Single-task models of other kinds" in page
    assert "Linear model" in page
    # Two epochs may leave a single-task network so poor that no variant is compared.
    is_compared = summary["best"] is not None
    assert ("strongest single-task model of any kind" in page) == is_compared


def test_stored_baselines_are_kept_and_others_are_added(finished):
    study, folder, _ = finished
    path = folder / "baselines.json"
    before = json.loads(path.read_text())
    before["models"][1]["seconds"] = 123.0
    path.write_text(json.dumps(before))
    more = Baselines(("constant", "linear", "trees"))
    run_study(replace(study, baselines=more), folder)
    models = json.loads(path.read_text())["models"]
    assert [m["name"] for m in models] == ["constant", "linear", "trees"] * 2
    assert models[1]["seconds"] == 123.0
    run_study(replace(study, baselines=Baselines(())), folder)
    summary = json.loads((folder / "summary.json").read_text())
    assert json.loads(path.read_text())["models"] == []
    assert summary["delta_m_any_model"] == {}


def test_a_study_file_names_the_baselines():
    text = Path("polytask/lab/studies/digits.toml").read_text()
    wrong = text + '\n[baselines]\nmodels = ["tree"]\n'
    with pytest.raises(UserError, match=r"\[baselines\].*tree.*Did you mean"):
        Study.parse(wrong, "s.toml", Path())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("trees = { leaves = [7] }", r"\[baselines.trees\].*leaves"),
        ("svm = { C = [] }", r"\[baselines.svm\].*C = \[\]; accepted is a list"),
        (
            "svm = { gamma = ['auto', 'wide'] }",
            r"gamma = 'wide'; accepted.*scale, auto",
        ),
        ("lightgbm = { num_leaves = [1] }", "num_leaves = 1; accepted is an integer"),
        ("linear = 3", "linear = 3; accepted is a table with lists"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(line, message):
    text = Path("polytask/lab/studies/digits.toml").read_text()
    with pytest.raises(UserError, match=message):
        Study.parse(f"{text}\n[baselines]\n{line}\n", "s.toml", Path())


def test_a_study_file_says_what_a_baseline_tries(dataset):
    text = Path("polytask/lab/studies/digits.toml").read_text()
    own = '\n[baselines]\nmodels = ["svm"]\nsvm = { C = [3], gamma = ["auto", 0.2] }\n'
    asked = Study.parse(text + own, "s.toml", Path()).baselines
    tried = [{"C": 3.0, "gamma": "auto"}, {"C": 3.0, "gamma": 0.2}]
    assert asked.settings("svm") == tried
    (model, *_) = fit_baselines(dataset, ["svm"], asked=asked)
    assert model.setting in tried
    assert model.settings == 2


def test_another_grid_fits_the_baseline_anew(finished):
    study, folder, _ = finished
    path = folder / "baselines.json"
    wide = Baselines(("linear",), linear=(("strength", (1e6,)),))
    run_study(replace(study, baselines=wide), folder)
    stored = json.loads(path.read_text())
    assert {m["setting"]["strength"] for m in stored["models"]} == {1e6}
    assert stored["grids"] == {"linear": {"strength": [1e6]}}


def test_lightgbm_sees_the_ring_and_fits_numbers_and_classes(dataset):
    pytest.importorskip("lightgbm", reason="LightGBM is not installed")
    quick = Baselines(("lightgbm",), lightgbm=(("n_estimators", (50,)),))
    found = {b.task: b for b in fit_baselines(dataset, ["lightgbm"], asked=quick)}
    scores = {
        (task, metric): value
        for task, model in found.items()
        for _, split, metric, value in model.scores
        if split == "test"
    }
    assert scores["ring", "auc"] > 0.8
    assert scores["side", "accuracy"] > 0.8
    assert scores["sum", "rmse"] < 1.5


def test_lightgbm_that_is_not_installed_is_refused_before_any_training(
    tiny_study, monkeypatch
):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    study = replace(Study.load(tiny_study), baselines=Baselines(("lightgbm",)))
    folder = tiny_study.parent / "run"
    with pytest.raises(UserError, match=r'pip install "polytask\[lightgbm\]"'):
        run_study(study, folder)
    assert not folder.exists()


def test_an_unknown_baseline_suggests_the_nearest(dataset):
    with pytest.raises(UserError, match='Did you mean "trees"'):
        fit_baselines(dataset, ["tree"])


def test_a_baseline_weighs_its_rows():
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"x": random.normal(size=80), "w": random.integers(1, 4, 80)})
    frame["y"] = frame["x"] * 2 + random.normal(size=80)
    weighted, _ = from_table(frame, ["y:regression"], weight="w")
    (model,) = fit_baselines(weighted, ["linear"])
    x, y = weighted.train.x, weighted.train.y["y"]
    ridge = Ridge(model.setting["strength"])
    ridge.fit(x, y, weighted.train.weights)
    error = ridge.predict(weighted.test.x) - weighted.test.y["y"]
    rmse = np.sqrt(np.average(error**2, weights=weighted.test.weights))
    scores = {(split, metric): value for _, split, metric, value in model.scores}
    assert scores["test", "rmse"] == pytest.approx(rmse, rel=1e-6)
