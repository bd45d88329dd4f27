"""A study of repeats: each with a split and a seed of its own."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polytask.errors import UserError
from polytask.lab.studies import Study, run_study
from polytask.lab.studies.load_data import StudyData
from polytask.lab.studies.schema import read_stored
from polytask.lab.studies.store import Store
from polytask.lab.studies.summary_schema import BaselineModels
from tests.lab.studies.conftest import STUDY, with_rare_trades, write_tiny_study


def parse(budget, data='name = "digits"'):
    text = f"[data]\n{data}\n[budget]\n{budget}\n[variants.none]\n"
    return Study.parse(text, "study.toml", Path())


@pytest.fixture(scope="module")
def repeated(tmp_path_factory):
    """A finished study of three repeats, its folder and its summary."""
    path = write_tiny_study(tmp_path_factory.mktemp("repeats"))
    path.write_text(STUDY.replace("seeds = 2", "repeats = 3"), encoding="utf-8")
    study = Study.load(path)
    return study, path.parent / "run", run_study(study, path.parent / "run")


def test_each_repeat_draws_its_own_rows_and_the_first_those_of_no_repeats(tiny_study):
    plain = StudyData(Study.load(tiny_study))
    data = StudyData(Study.load(tiny_study).narrowed(repeats=3))
    prints = [data.of(seed).facts["fingerprint"] for seed in range(3)]
    assert len(set(prints)) == 3
    assert prints[0] == plain.first.facts["fingerprint"]


def test_a_study_without_test_rows_is_refused(tiny_study):
    study = Study.load(tiny_study)
    without = replace(study, data=replace(study.data, split=(0.8, 0.2, 0.0)))
    with pytest.raises(UserError, match=r"split leaves no test rows \(0\.8, 0\.2, 0\)"):
        StudyData(without)


def test_all_repeats_have_the_same_features(tiny_study):
    with_rare_trades(tiny_study)
    study = Study.load(tiny_study).narrowed(repeats=4)
    own = replace(study, data=replace(study.data, fixed_columns=False))
    names = [
        {StudyData(one).of(seed).feature_names for seed in one.seeds}
        for one in (own, study)
    ]
    assert len(names[0]) > 1
    assert len(names[1]) == 1
    # One split alone is as it was.
    plain = StudyData(Study.load(tiny_study))
    assert plain.study.data.fixed_columns is None
    assert plain.first.feature_names == StudyData(own).first.feature_names


def test_repeats_that_were_stored_with_features_of_their_own_keep_them(tiny_study):
    with_rare_trades(tiny_study)
    study = Study.load(tiny_study).narrowed(["none"], epochs=1, repeats=2)
    own = replace(study, data=replace(study.data, fixed_columns=False))
    folder = tiny_study.parent / "run"
    summary = run_study(own, folder)
    preprocessing = (folder / "preprocessing.json").read_bytes()
    stored = json.loads((folder / "study.json").read_text())
    # As before there was the choice.
    del stored["source"]["fixed_columns"]
    (folder / "study.json").write_text(json.dumps(stored))
    assert run_study(study, folder)["delta_m"] == summary["delta_m"]
    assert (folder / "preprocessing.json").read_bytes() == preprocessing
    other = replace(study, data=replace(study.data, fixed_columns=True))
    with pytest.raises(UserError, match="choice of fixed_columns is false, asked for"):
        run_study(other, folder)


def test_repeats_that_vary_the_seed_alone_keep_the_rows():
    data = StudyData(parse('repeats = 3\nvary = "seed"'))
    assert data.of(0) is data.of(2)
    assert data.test_ratio() == 0.0


def test_networks_and_baselines_are_measured_on_the_rows_of_each_repeat(repeated):
    study, folder, _ = repeated
    stored = read_stored(folder / "baselines.json", BaselineModels)
    data = StudyData(study)
    assert stored.repeats == [0, 1, 2]
    for seed in study.seeds:
        constant = next(
            model
            for model in stored.models
            if (model.name, model.task, model.seed) == ("constant", "score", seed)
        )
        found = next(v for _, *key, v in constant.scores if key == ["test", "rmse"])
        rows = data.of(seed)
        errors = rows.test.y["score"] - np.nanmean(rows.train.y["score"])
        assert found == pytest.approx(np.sqrt(np.nanmean(errors**2)), rel=1e-5)
    records = Store(folder).description()
    assert records.vary == "split and seed"


def test_the_interval_over_repeats_is_the_corrected_one(repeated):
    from polytask.lab.metrics.repeats import holm, repeat_interval, repeat_p_value

    _, folder, summary = repeated
    description = Store(folder).description()
    # 12 test rows by 36 that train and 12 that choose.
    assert description.test_ratio == pytest.approx(0.25, abs=0.01)
    deltas = summary["delta_m"]
    raw = []
    for entry in deltas.values():
        values = entry["per_seed"]
        assert len(values) == 3
        interval = repeat_interval(values, description.test_ratio)
        assert (entry["low"], entry["high"]) == pytest.approx(tuple(interval)[1:])
        raw.append(repeat_p_value(values, description.test_ratio))
    assert [e["p_adjusted"] for e in deltas.values()] == pytest.approx(holm(raw))
    assert summary["comparisons"] == len(deltas)


def test_the_worst_task_and_the_error_that_is_gone_stand_beside_the_mean(repeated):
    _, _, summary = repeated
    # Of no error nothing can go.
    perfect = summary["baseline"]["sick"]["value"] == 1
    for entry in summary["delta_m"].values():
        assert entry["worst_task"] in ("sick", "score")
        assert entry["worst"] <= entry["mean"]
        assert (entry["error_reduction"] is None) == perfect


def test_a_finished_study_of_repeats_trains_and_fits_nothing_again(
    repeated, monkeypatch
):
    study, folder, summary = repeated
    # The package's attribute of this name is the function in the module.
    module = sys.modules["polytask.lab.studies.run_study"]

    def refuse(*arguments):
        names = arguments[1]
        if names:
            raise AssertionError(names)
        return []

    monkeypatch.setattr(module, "fit_baselines", refuse)
    monkeypatch.setattr(module, "Group", refuse)
    assert run_study(study, folder)["delta_m"] == summary["delta_m"]


def test_the_model_that_predicts_is_of_the_split_whose_preprocessing_is_stored(
    repeated,
):
    _, folder, summary = repeated
    features = json.loads((folder / "features.json").read_text())
    assert {one["seed"] for one in features.values()} == {0}
    best = folder / "runs" / f"multi-task--all--{summary['best']}--seed0.keras"
    assert (folder / "best.keras").read_bytes() == best.read_bytes()


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ("repeats = 0", "repeats = 0; accepted is an integer from 1"),
        ("repeats = 2\nseeds = 3", "seeds and repeats both say how often"),
        ('vary = "seed"', "vary says what repeats differ in; give repeats as well"),
        ('repeats = 2\nvary = "sead"', 'Did you mean "seed"'),
        ("repeats = 2\nmargin = 0", "margin = 0; accepted is a number above 0"),
    ],
)
def test_a_wrong_way_to_repeat_is_refused(budget, message):
    with pytest.raises(UserError) as error:
        parse(budget)
    assert message in str(error.value)


def test_seeds_and_repeats_are_not_asked_for_together():
    with pytest.raises(UserError, match="--seeds is for a study of seeds"):
        parse("repeats = 2").narrowed(seeds=3)


@pytest.mark.filterwarnings("ignore:Task 'y'. labeled are only one")
def test_more_repeats_than_the_rows_allow_are_refused(tmp_path):
    frame = pd.DataFrame({"x": range(6), "y": [0.5, 1, 2, 3, 4, 5]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    text = '[data]\nfile = "t.csv"\n[tasks]\ny = "regression"\n[variants.none]\n'
    study = Study.parse(text, "study.toml", tmp_path).narrowed(repeats=200)
    with pytest.raises(UserError, match="of the 6 rows of t are only"):
        StudyData(study).check()


def test_how_a_study_repeats_is_part_of_what_identifies_it(tiny_study):
    study = Study.load(tiny_study)
    prints = {
        study.fingerprint,
        study.narrowed(repeats=2).fingerprint,
        StudyData(study.narrowed(repeats=2)).study.fingerprint,
    }
    assert len(prints) == 3
    assert "vary" not in json.dumps(study.to_dict()["budget"])
