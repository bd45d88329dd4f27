"""A whole search: tried, resumed, reported, and its winner used."""

import shutil
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

from polytask import UserError
from polytask.lab.reports import write_search_report
from polytask.lab.studies import Study
from polytask.lab.studies.schema import (
    MULTI_TASK,
    SINGLE_TASK,
    Record,
    read_stored,
)
from polytask.lab.studies.search import trials
from polytask.lab.studies.search.book import Book
from polytask.lab.studies.search.result import stored_search
from polytask.lab.studies.search.run_search import run_search
from polytask.lab.studies.store import Store
from tests.helpers.parsed_page import ParsedPage
from tests.lab.studies.conftest import write_tiny_study

SEARCH = """
[search]
trials = 3
batch = 2
learning_rate = { low = 1e-3, high = 1e-1, log = true }
dropout_trunk = { low = 0.0, high = 0.5 }
"""


def tiny_search(folder, more=""):
    """A study of one seed with a search and no variants."""
    path = write_tiny_study(folder)
    text = path.read_text().split("[variants.none]")[0] + SEARCH + more
    path.write_text(text.replace("seeds = 2", "seeds = 1"))
    return Study.load(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished search and its folder; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("search")
    study = tiny_search(folder)
    run = folder / "run"
    return study, run, run_search(study, run, command="polytask search study.toml")


@pytest.mark.one_backend
def test_every_subject_gets_the_same_number_of_trials(whole):
    _, _, result = whole
    assert [one.task for one in result.searched] == ["", "sick", "score"]
    assert [len(one.trials) for one in result.searched] == [3, 3, 3]
    for one in result.searched:
        values = [trial.criterion for trial in one.trials]
        assert one.best == int(np.argmin(values))


def test_trials_do_not_look_at_test_rows_and_winners_do_once(whole):
    _, folder, _ = whole
    records = [read_stored(path, Record) for path in (folder / "runs").glob("*.json")]
    assert {(r.model, r.task, r.seed) for r in records} == {
        (MULTI_TASK, "", 1),
        (SINGLE_TASK, "sick", 1),
        (SINGLE_TASK, "score", 1),
    }
    assert all({split for _, split, *_ in r.scores} >= {"test"} for r in records)
    assert b'"test"' not in (folder / "journal.log").read_bytes()


def test_the_winner_is_a_study_that_compare_and_fit_read(whole):
    study, folder, result = whole
    best = Study.load(folder / "best.toml")
    drawn = result.searched[0].trials[result.searched[0].best].drawn
    assert best.budget.learning_rate == drawn["learning_rate"]
    assert best.variant("best").settings.dropout_trunk == drawn["dropout_trunk"]
    assert best.data == study.data
    assert best.network == study.network
    assert best.budget.epochs == study.budget.epochs


def test_the_model_of_the_winner_predicts(whole):
    _, folder, _ = whole
    assert Store.existing(folder).best_model_file.is_file()
    assert (folder / "preprocessing.json").is_file()


def test_a_finished_search_trains_nothing_again(whole, tmp_path, monkeypatch):
    study, folder, result = whole
    copy = shutil.copytree(folder, tmp_path / "run")
    monkeypatch.setattr(trials, "train", None)
    assert run_search(study, copy) == result


def test_the_page_names_winner_trials_and_front(whole, tmp_path):
    _, folder, result = whole
    copy = shutil.copytree(folder, tmp_path / "run")
    page = ParsedPage.read(write_search_report(copy))
    assert "The best of 3 trials" in page.text
    assert "learning_rate" in page.text
    for section in ("best", "test", "trials", "front", "method"):
        assert section in {one.get("id") for one in page.named("section")}
    assert page.unbalanced == []
    front = page.table("Trials on the front")
    assert {row[0] for row in front.rows[1:]} == {*map(str, result.searched[0].front)}


@pytest.mark.one_backend
def test_a_killed_search_comes_to_the_same_result(whole, tmp_path, monkeypatch):
    study, _, result = whole
    tell, told = Book.tell, []

    def killed(self, number, tried):
        if len(told) == 7:
            raise KeyboardInterrupt
        told.append(number)
        tell(self, number, tried)

    monkeypatch.setattr(Book, "tell", killed)
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_search(study, folder)
    with pytest.raises(UserError, match="is not finished"):
        stored_search(folder)
    monkeypatch.setattr(Book, "tell", tell)
    assert run_search(study, folder) == result


@pytest.mark.one_backend
def test_one_process_and_two_come_to_the_same_result(tmp_path):
    study = tiny_search(tmp_path, 'objective = "pareto"\n')
    one, two = (run_search(study, tmp_path / f"{n}", jobs=n) for n in (1, 2))
    assert one == two
    front = one.searched[0].front
    assert one.searched[0].best in front


def test_a_folder_with_another_search_is_refused(whole, tmp_path):
    study, folder, _ = whole
    options = replace(study.search.options, trials=4)
    other = replace(study, search=replace(study.search, options=options))
    with pytest.raises(UserError, match="holds another study: its settings"):
        run_search(other, folder)


def test_without_optuna_one_message_names_the_extra(whole, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match=r'pip install "polytask\[search\]"'):
        run_search(whole[0], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_networks_that_cannot_be_built_are_refused_before_training(tmp_path):
    study = tiny_search(tmp_path, 'sharing = ["hard", "sluice"]\ndecorrelation = [0.1]')
    with pytest.raises(UserError, match="decorrelation acts on the end"):
        run_search(study, tmp_path / "run")


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="lanes are of JAX")
def test_trials_are_lanes_of_one_program(whole, tmp_path, monkeypatch):
    study, _, result = whole
    monkeypatch.setattr(trials, "train", None)
    again = run_search(study, tmp_path / "run")
    assert again == result
