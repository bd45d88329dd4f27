"""What a search is asked for, with the data that it is about."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
from msgspec.structs import replace as replaced

from polytask.lab.studies.load_data import StudyData
from polytask.lab.studies.schema import (
    MULTI_TASK,
    SINGLE_TASK,
    Description,
    Run,
)
from polytask.lab.studies.search.book import Book, open_storage
from polytask.lab.studies.search.pruning import Pruning
from polytask.lab.studies.search.result import (
    BEST,
    Searched,
    SearchResult,
    searched,
)
from polytask.lab.studies.search.space import Candidate, Space, meant
from polytask.lab.studies.search.trials import Trial
from polytask.lab.studies.store import describe
from polytask.lab.studies.structure import Values, values_of
from polytask.lab.studies.study import Study, Variant
from polytask.lab.studies.train import check_variants
from polytask.lab.tables import Dataset
from polytask_options import Settings, changed

SEARCH = "search"


@dataclass(frozen=True)
class Request:
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
