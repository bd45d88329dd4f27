"""Trials in an Optuna storage: the same draws after every interruption."""

import pytest

from polytask import UserError
from polytask.lab.studies.search.book import JOURNAL, Book, open_storage
from polytask.lab.studies.search.trials import Tried
from polytask_options import OneOf, Range

PARAMETERS = {
    "l1": Range(1e-6, 1e-2, log=True),
    "width": Range(1, 8, whole=True),
    "balancer": OneOf(({"name": "equal"}, {"name": "pcgrad"})),
}


def opened(folder, sampler="tpe", identity="a", objectives=1, url=""):
    storage = open_storage(url, folder)
    return Book(storage, "s", identity, PARAMETERS, sampler, 0, 4, objectives)


def tried(drawn, **options):
    loss = abs(drawn["width"] - 3) / 8
    return Tried(curve=[[loss, (1 - loss) / 2]], best_epoch=1, **options)


def searched(book, batches=3):
    for start in range(0, 4 * batches, 4):
        for number, drawn in book.asked(start, 4).items():
            book.tell(number, tried(drawn, left=number % 4 == 3))
    return [entry.drawn for entry in book.finished()]


@pytest.mark.parametrize(
    ("sampler", "objectives"), [("tpe", 1), ("random", 1), ("nsga2", 2)]
)
def test_an_interrupted_search_draws_what_it_would_have_drawn(
    tmp_path, sampler, objectives
):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    expected = searched(opened(whole, sampler, objectives=objectives))
    book = opened(killed, sampler, objectives=objectives)
    searched(book, batches=1)
    # Asked for half a batch, told in another order, and then killed.
    book.asked(4, 2)
    book = opened(killed, sampler, objectives=objectives)
    for number, drawn in reversed(book.asked(4, 4).items()):
        book.tell(number, tried(drawn, left=number % 4 == 3))
    found = searched(opened(killed, sampler, objectives=objectives))
    assert found == expected
    # A generation keeps values of its parents; the first one has none.
    assert len({drawn["l1"] for drawn in found}) > 4


def test_draws_are_values_of_the_options(tmp_path):
    drawn = opened(tmp_path).asked(0, 4)[0]
    assert drawn["balancer"] in PARAMETERS["balancer"].values
    assert isinstance(drawn["width"], int)


def test_a_trial_is_told_once(tmp_path):
    book = opened(tmp_path)
    drawn = book.asked(0, 1)[0]
    book.tell(0, tried(drawn))
    book.tell(0, Tried(curve=[], best_epoch=0, failure="later"))
    assert book.finished()[0].tried == tried(drawn)


def test_a_trial_that_failed_is_kept_with_its_reason(tmp_path):
    book = opened(tmp_path)
    book.asked(0, 1)
    book.tell(0, Tried(curve=[[None, 0.5]], best_epoch=1, failure="not finite"))
    assert book.finished()[0].tried.failure == "not finite"
    assert book.importances() == {}


def test_importance_finds_the_option_that_matters(tmp_path):
    book = opened(tmp_path, "random")
    searched(book, batches=5)
    shares = book.importances()
    assert next(iter(shares)) == "width"
    assert sum(shares.values()) == pytest.approx(1)


def test_half_a_line_and_a_lock_of_a_killed_process_do_no_harm(tmp_path):
    book = opened(tmp_path)
    book.asked(0, 4)
    journal = tmp_path / JOURNAL
    journal.write_bytes(journal.read_bytes() + b'{"op_code": 4, "wor')
    (tmp_path / f"{JOURNAL}.lock").symlink_to(journal)
    assert opened(tmp_path).asked(0, 4) == book.asked(0, 4)


def test_a_storage_of_another_search_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    opened(tmp_path, url=url)
    opened(tmp_path, url=url)
    with pytest.raises(UserError, match="holds another search under the name s"):
        opened(tmp_path, identity="b", url=url)


def test_a_storage_that_cannot_be_opened_is_refused(tmp_path):
    with pytest.raises(UserError, match="nosuch://here cannot be opened"):
        opened(tmp_path, url="nosuch://here")
