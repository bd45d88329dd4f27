"""Search: try networks batch by batch, then train the winners on fresh seeds."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from polytask._atomic import write_atomically
from polytask.errors import UserError
from polytask.lab.studies.baselines import check_installed
from polytask.lab.studies.engine import Engine
from polytask.lab.studies.folder import locked
from polytask.lab.studies.lanes import Group, groups
from polytask.lab.studies.load_data import StudyData, write_data_files
from polytask.lab.studies.processes import engine_for
from polytask.lab.studies.progress import StudyProgress, lines
from polytask.lab.studies.ray_engine import Cluster
from polytask.lab.studies.run_study import complete_baselines
from polytask.lab.studies.schema import Record, Run, encoded
from polytask.lab.studies.search import trials as batches
from polytask.lab.studies.search.best_study import best_study
from polytask.lab.studies.search.book import Book, optuna
from polytask.lab.studies.search.request import SEARCH, Request
from polytask.lab.studies.search.result import (
    BEST,
    BEST_FILE,
    SEARCH_FILE,
    SearchResult,
)
from polytask.lab.studies.search.space import Candidate, Space
from polytask.lab.studies.search.trials import Tried
from polytask.lab.studies.store import Store
from polytask.lab.studies.study import Study, Variant
from polytask.lab.studies.tables import write_tables
from polytask_options import Settings


def run_search(
    study: Study,
    folder: str | Path,
    jobs: int = 0,
    command: str = "",
    lanes: bool = True,
    cluster: Cluster | None = None,
) -> SearchResult:
    """Search for the settings of a study's networks and measure the winners.

    Networks for all tasks together, and for each task alone, get the same number of
    trials. A batch of them is chosen from what earlier batches came to and trained, on
    JAX side by side; those that fall behind end early. Trials see training and
    validation rows alone. The winners are then trained on seeds that no trial had, and
    test rows are looked at for the first time.

    Killed at any time, the same call continues and comes to the same result, which the
    number of processes does not change either.

    Args:
        study: What was asked for; its variants do not matter.
        folder: Where the results go.
        jobs: Processes that train, as of `run_study`.
        command: The command line that repeats the search, for the report.
        lanes: Whether trials of one structure run as one program, on JAX.
        cluster: Trains on the machines of a Ray cluster, in place of `jobs`.

    Returns:
        The trials and the winners, as in `search.json`. What the winners reach on test
        rows is in the tables of a study folder beside it.

    Raises:
        UserError: If Optuna is not installed, the data do not fit, the folder or the
            storage holds something else, or no trial can be trained.
    """
    if jobs < 0:
        raise UserError(f"jobs = {jobs}; accepted is an integer from 0.")
    optuna()
    check_installed(study.baselines.models)
    space = study.search or Space()
    study = _with_fresh_seeds(study, space)
    data = StudyData(study)
    dataset, preprocessor = data.first, data.preprocessor
    space = space.fitting(study.network, [task.name for task in dataset.tasks])
    request = Request(study, space, data, lanes)
    description = request.description(command)
    store = Store(folder, kind=SEARCH)
    store.check(description)
    store.folder.mkdir(parents=True, exist_ok=True)
    with locked(store.folder):
        books = request.books(store.folder)
        store.open(description)
        if preprocessor is not None:
            write_data_files(store.folder, dataset, preprocessor)
        runs = request.final_runs()
        finished = store.records(runs)
        tried = {task: len(book.finished()) for task, book in books.items()}
        progress = StudyProgress(
            len(runs) + len(books) * space.options.trials,
            len(finished) + sum(tried.values()),
            lines(jobs, cluster),
            study.budget.epochs,
        )
        with progress:
            if progress.finished == progress.total:
                result = request.result(books)
            else:
                with engine_for(data, jobs, request.check, cluster) as engine:
                    _try_all(request, books, engine, progress)
                    result = request.result(books)
                    _train_winners(request, result, store, finished, engine, progress)
        best = request.winner(result.searched[0])
        text = best_study(study, best, store.folder, space.options.trials)
        write_atomically(store.folder / BEST_FILE, text)
        write_atomically(store.folder / SEARCH_FILE, encoded(result))
        complete_baselines(study, data, store.folder)
        write_tables(store)
    return result


def _with_fresh_seeds(study: Study, space: Space) -> Study:
    """Return the study with its one variant, on seeds that no trial has."""
    seeds = tuple(space.options.seed + 1 + n for n in range(len(study.seeds)))
    title = f"Best of {space.options.trials} trials"
    best = (Variant(BEST, title, Settings()),)
    # Another split would test on rows that have chosen the winner.
    return replace(study, variants=best, seeds=seeds, plain=None, vary="")


def _try_all(
    request: Request,
    books: Mapping[str, Book],
    engine: Engine,
    progress: StudyProgress,
) -> None:
    """Try every network that is asked for, batch by batch."""
    options = request.space.options
    for start in range(0, options.trials, options.batch):
        count = min(options.batch, options.trials - start)
        if all(
            len(book.finished(start + count)) == start + count
            for book in books.values()
        ):
            continue
        batch = [
            request.trial(task, number, drawn)
            for task, book in books.items()
            for number, drawn in book.asked(start, count).items()
        ]
        told = {
            task: {entry.number for entry in book.finished()}
            for task, book in books.items()
        }
        trials = {trial.run: trial for trial in batch}

        def done(
            run: Run, tried: Tried, trials: Any = trials, told: Any = told
        ) -> None:
            trial = trials[run]
            if trial.number not in told[trial.task]:
                books[trial.task].tell(trial.number, tried)
                progress.done(run, tried)

        # A lane's batch has no weights of rows.
        lanes = request.lanes and not request.study.data.weight
        works = batches.groups(
            batch, request.pruning(books, start), request.values, lanes
        )
        # A group that was killed is tried as a whole: its trials judged each other.
        waiting = [
            work
            for work in works
            if any(trial.number not in told[trial.task] for trial in work.trials)
        ]
        engine.run(waiting, progress.epoch, done)


def _train_winners(
    request: Request,
    result: SearchResult,
    store: Store,
    finished: Mapping[Run, Record],
    engine: Engine,
    progress: StudyProgress,
) -> None:
    """Train the winner of each subject on every fresh seed."""

    def done(run: Run, record: Record) -> None:
        store.save(run, record)
        progress.done(run, record)

    waiting = [run for run in request.final_runs() if run not in finished]
    works: list[Group] = []
    subjects = {found.task: found for found in result.searched}
    for task in ["", *request.tasks]:
        winner = request.winner(subjects.get(task, subjects[""]))
        own = [run for run in waiting if run.task == task]
        works += _winner_groups(request, store, winner, own)
    engine.run(works, progress.epoch, done)


def _winner_groups(
    request: Request, store: Store, winner: Candidate, runs: list[Run]
) -> Iterable[Group]:
    study = request.study
    settings = (replace(study.variants[0], settings=winner.settings),)
    own = replace(
        study, network=winner.network, budget=winner.budget, variants=settings
    )
    return [
        Group(own, request.data, store, group)
        for group in groups(own, request.data, runs, request.lanes)
    ]
