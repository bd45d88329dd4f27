"""Search: try networks batch by batch, then train the winners on fresh seeds."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
from msgspec.structs import replace as replaced

from polytask._atomic import write_atomically
from polytask.errors import UserError
from polytask.lab.studies.engine import Engine
from polytask.lab.studies.folder import locked
from polytask.lab.studies.lanes import Group, groups
from polytask.lab.studies.load_data import StudyData, write_data_files
from polytask.lab.studies.processes import engine_for
from polytask.lab.studies.progress import StudyProgress, lines
from polytask.lab.studies.ray_engine import Cluster
from polytask.lab.studies.run_study import complete_baselines
from polytask.lab.studies.schema import (
    MULTI_TASK,
    SINGLE_TASK,
    Description,
    Record,
    Run,
    encoded,
)
from polytask.lab.studies.search import trials as batches
from polytask.lab.studies.search.best_study import best_study
from polytask.lab.studies.search.book import Book, open_storage, optuna
from polytask.lab.studies.search.pruning import Pruning
from polytask.lab.studies.search.result import (
    BEST,
    BEST_FILE,
    SEARCH_FILE,
    Searched,
    SearchResult,
    searched,
)
from polytask.lab.studies.search.space import Candidate, Space, meant
from polytask.lab.studies.search.trials import Trial, Tried
from polytask.lab.studies.store import Store, describe
from polytask.lab.studies.structure import Values, values_of
from polytask.lab.studies.study import Study, Variant
from polytask.lab.studies.tables import write_tables
from polytask.lab.studies.train import check_variants
from polytask.lab.tables import Dataset
from polytask_options import Settings, changed

SEARCH = "search"


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
    space = study.search or Space()
    study = _with_fresh_seeds(study, space)
    data = StudyData(study)
    dataset, preprocessor = data.first, data.preprocessor
    request = _Request(study, space, data, lanes)
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


@dataclass(frozen=True)
class _Request:
    """What a search is asked for.

    Args:
        study: With the fresh seeds.
        space: What may be tried.
        data: The rows.
        lanes: Whether there are lanes.
    """

    study: Study
    space: Space
    data: StudyData
    lanes: bool

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks."""
        return [task.name for task in self.data.first.tasks]

    @property
    def subjects(self) -> list[str]:
        """All tasks together, "", then each alone; an only task once."""
        return ["", *(self.tasks if len(self.tasks) > 1 else [])]

    @property
    def base(self) -> Candidate:
        """The network where nothing is searched."""
        return Candidate(self.study.network, self.study.budget, Settings())

    @property
    def pareto(self) -> bool:
        """Whether the front of the tasks' losses is looked for."""
        return self.space.options.objective == "pareto" and len(self.tasks) > 1

    @property
    def check(self) -> Any:
        """What looks at the rows before anything is trained."""
        extremes = self.space.extremes(self.base, self.tasks)
        return partial(_check, extremes)

    @property
    def values(self) -> Values:
        """Knob → value where everything that may be tried acts."""
        extremes = self.space.extremes(self.base, self.tasks)
        return values_of(next(iter(extremes.values())).settings, single=False)

    def description(self, command: str) -> Description:
        """Return the content of `study.json`."""
        described = describe(self.study, self.data.first, command, kind=SEARCH)
        return replaced(described, settings=self.space.to_dict())

    def books(self, folder: Path) -> dict[str, Book]:
        """Return the trials of each subject."""
        options = self.space.options
        storage = open_storage(options.storage, folder)
        return {
            task: Book(
                storage,
                f"{self.study.name}: {task or 'all tasks'}",
                self._identity,
                self.space.parameters(self.tasks, single=bool(task)),
                self._sampler(task),
                options.seed,
                options.batch,
                len(self.tasks) if self.pareto and not task else 1,
            )
            for task in self.subjects
        }

    @property
    def _identity(self) -> str:
        """Return a hash of what the trials depend on, but for their number."""
        asked = self.space.to_dict()
        del asked["trials"]
        parts = [
            asked,
            changed(self.study.network),
            changed(self.study.budget),
            self.data.first.facts["fingerprint"],
            self.tasks,
            keras.backend.backend(),
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _sampler(self, task: str) -> str:
        # One loss has no front.
        one = task or not self.pareto
        return "tpe" if one and self.space.sampler == "nsga2" else self.space.sampler

    def trial(self, task: str, number: int, drawn: Mapping[str, Any]) -> Trial:
        """Return the trial that a draw stands for."""
        candidate = self.space.candidate(self.base, drawn)
        return Trial(task, number, self.space.options.seed, candidate)

    def pruning(self, books: Mapping[str, Book], before: int) -> Pruning | None:
        """Return what ends the trials of a batch early.

        Args:
            books: The trials.
            before: Number of the batch's first trial.
        """
        if not self.space.options.pruning:
            return None
        known = {task: book.finished(before) for task, book in books.items()}
        return Pruning(
            self.study.budget.epochs,
            self.pareto,
            {task: [e.tried.numbers for e in found] for task, found in known.items()},
            {task: [e.tried.left for e in found] for task, found in known.items()},
        )

    def final_runs(self) -> list[Run]:
        """Return the repeats of the winners."""
        return [
            run
            for seed in self.study.seeds
            for run in (
                Run(MULTI_TASK, BEST, seed),
                *(Run(SINGLE_TASK, BEST, seed, task) for task in self.tasks),
            )
        ]

    def result(self, books: Mapping[str, Book]) -> SearchResult:
        """Return what the finished trials come to."""
        found = [
            searched(
                book,
                task,
                1 if task else len(self.tasks),
                self.pareto and not task,
            )
            for task, book in books.items()
        ]
        best = self.winner(found[0])
        return SearchResult(
            request=self.space.to_dict(),
            tasks=self.tasks,
            searched=found,
            best={
                **changed(best.network),
                **changed(best.budget),
                **changed(best.settings),
            },
        )

    def winner(self, found: Searched) -> Candidate:
        """Return the network of a subject's best trial."""
        drawn = found.trials[found.best].drawn
        parameters = self.space.parameters(self.tasks, single=bool(found.task))
        return self.space.candidate(self.base, meant(parameters, drawn))


def _check(extremes: Mapping[str, Candidate], dataset: Dataset) -> None:
    """Refuse a space with a network that cannot be built."""
    for what, one in extremes.items():
        variant = Variant(f"with {what}", what, one.settings)
        check_variants([variant], dataset, one.network, one.budget)


def _try_all(
    request: _Request,
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


def _done(
    books: Mapping[str, Book],
    progress: StudyProgress,
    trials: Mapping[Run, Trial],
    told: Mapping[str, set[int]],
    run: Run,
    tried: Tried,
) -> None:
    """Store what a trial came to, unless a killed process had stored it."""
    trial = trials[run]
    if trial.number not in told[trial.task]:
        books[trial.task].tell(trial.number, tried)
        progress.done(run, tried)


def _train_winners(
    request: _Request,
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
    request: _Request, store: Store, winner: Candidate, runs: list[Run]
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
