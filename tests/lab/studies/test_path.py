"""The regularization path of a study's network."""

import json
import shutil
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

import polytask_cli
from polytask.errors import UserError
from polytask.lab.reports import write_path_report
from polytask.lab.studies import Study
from polytask.lab.studies.path import path_study, run_path, span
from polytask.lab.studies.schema import MULTI_TASK, Run
from polytask.lab.studies.store import Store
from polytask_options import Network
from tests.lab.studies.conftest import write_tiny_study


def records(folder):
    store = Store(folder, "path")
    description = store.description()
    runs = [
        Run(MULTI_TASK, variant.name, seed)
        for variant in description.variants
        for seed in description.seeds
    ]
    return store.records(runs)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A path of three strengths and two repeats, and its folder."""
    study = Study.load(write_tiny_study(tmp_path_factory.mktemp("path")))
    strengths = span("l1", 1e-3, 10.0, 3, study.network)
    wanted = path_study(study, strengths, repeats=2)
    folder = tmp_path_factory.mktemp("run") / "path"
    run_path(wanted, strengths, folder, command="polytask path s.toml --knob l1")
    return wanted, strengths, folder


def test_strengths_are_spaced_by_their_logarithm_and_rates_evenly():
    assert span("l1", 1e-6, 1e-2, 5, Network()).values == pytest.approx(
        [1e-6, 1e-5, 1e-4, 1e-3, 1e-2]
    )
    assert span("dropout_trunk", 0.0, 0.5, 3, Network()).values == [0.0, 0.25, 0.5]


def test_without_ends_the_usual_range_of_the_knob_is_taken():
    strengths = span("l1", None, None, 2, Network())
    assert strengths.values == [1e-6, 1e-2]


@pytest.mark.slow
@pytest.mark.one_backend
def test_a_stronger_penalty_leaves_more_zeros_and_fewer_columns(trained):
    _, _, folder = trained
    by_strength = {}
    for run, record in records(folder).items():
        kept = sum(norm > 0 for norm in record.extra["columns"].values())
        found = by_strength.setdefault(run.variant, [])
        found.append((record.zeros / record.weights, kept))
    means = [np.mean(by_strength[name], axis=0) for name in sorted(by_strength)]
    # Where nothing can be learned an early epoch is kept, with a weight or two in it.
    assert means[0][0] < 0.9 < means[-1][0]
    assert means[-1][1] <= 0.5 < means[0][1]


def test_no_model_is_kept_but_every_number_is(trained):
    _, _, folder = trained
    assert not list(folder.rglob("*.keras"))
    results = pd.read_parquet(folder / "results.parquet")
    assert set(results["split"]) == {"train", "validation", "test"}
    assert results["variant"].nunique() == 3
    assert results["seed"].nunique() == 2


@pytest.mark.slow
@pytest.mark.one_backend
def test_a_path_goes_on_where_it_stopped(trained, monkeypatch):
    wanted, strengths, folder = trained
    saved = []
    save = Store.save

    def counted(self, run, record):
        saved.append(run)
        save(self, run, record)

    monkeypatch.setattr(Store, "save", counted)
    run_path(wanted, strengths, folder)
    assert saved == []
    gone = Run(MULTI_TASK, "l1_001", 1)
    Store(folder, "path").record_file(gone).unlink()
    run_path(wanted, strengths, folder)
    assert saved == [gone]


def test_the_page_shows_columns_zeros_and_metrics_by_strength(trained):
    _, _, folder = trained
    html = write_path_report(folder).read_text()
    for text in ("What each column is worth", "Exact zeros", "1e-2", "the path of l1"):
        assert text in html
    assert html.count("<svg") == 6
    assert "<script" not in html
    assert polytask_cli.main(["report", str(folder)]) == 0
    assert "the path of l1" in (folder / "report.html").read_text()


def test_a_strength_without_a_criterion_is_not_chosen(trained, tmp_path):
    _, _, folder = trained
    copy = shutil.copytree(folder, tmp_path / "path")
    for file in (copy / "runs").glob("*l1_000*.json"):
        record = json.loads(file.read_text())
        file.write_text(json.dumps({**record, "criterion": None}))
    html = write_path_report(copy).read_text()
    assert "At l1 = 0.001" not in html


def test_another_path_in_the_same_folder_is_refused(trained):
    study, _, folder = trained
    other = span("l1", 1e-3, 1.0, 3, study.network)
    with pytest.raises(UserError, match="holds another study"):
        run_path(path_study(study, other, 2), other, folder)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("l3", None, None, 3), "--knob 'l3'; accepted is a strength or a rate. Did"),
        (("batch_norm", None, None, 3), "accepted is a strength or a rate"),
        (("l1", 0.1, 0.1, 3), "The range --from 0.1 --to 0.1 is empty"),
        (("l1", 0.0, 0.1, 3), "--from 0; accepted for l1 is a number above 0"),
        (("l1", -1.0, 0.1, 3), "--from -1; accepted is a number from 0"),
        (("dropout_trunk", 0.0, 1.0, 3), "--to 1; accepted is a number from 0, below"),
        (("l1", 1e-3, 0.1, 1), "--strengths 1; accepted is an integer from 2"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(arguments, message):
    with pytest.raises(UserError) as error:
        span(*arguments, Network())
    assert message in str(error.value)


def test_a_knob_that_the_structure_lacks_is_refused():
    with pytest.raises(UserError, match="the network has no towers"):
        span("dropout_tower", None, None, 3, Network(towers=()))
    study = Study.load("digits")
    with pytest.raises(UserError, match="elastic_net has elastic_net, and both"):
        path_study(study, span("l1", None, None, 3, study.network), 2, "elastic_net")


@pytest.mark.slow
@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="lanes are a program of JAX"
)
def test_as_lanes_a_path_gives_what_one_by_one_gives(trained, tmp_path):
    wanted, strengths, folder = trained
    few = replace(wanted, variants=wanted.variants[:2], seeds=(0,))
    run_path(few, strengths, tmp_path / "alone", lanes=False)
    together = records(folder)
    for run, record in records(tmp_path / "alone").items():
        other = together[run]
        assert (record.best_epoch, record.weights) == (other.best_epoch, other.weights)
        assert abs(record.zeros - other.zeros) <= 1
        assert other.lanes == 8
        for found, wanted_row in zip(record.scores, other.scores, strict=True):
            np.testing.assert_allclose(found[-1], wanted_row[-1], rtol=1e-4, atol=1e-6)
