"""What a search comes to: every trial, the winners and what mattered."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from polytask.errors import UserError
from polytask.lab.studies.schema import FORMAT, read_stored
from polytask.lab.studies.search.book import Book, Entry
from polytask.lab.studies.search.front import front, knee
from polytask.lab.studies.search.space import label

SEARCH_FILE = "search.json"
BEST_FILE = "best.toml"
#: The only variant of a search's repeats.
BEST = "best"


class StoredTrial(Struct, kw_only=True):
    """One trial.

    Attributes:
        number: Among those of its task, from 0.
        drawn: Parameter → number, or choice as a word.
        losses: The tasks' relative validation losses in its best epoch; None where
            undefined.
        best_epoch: That epoch.
        epochs: How many were trained.
        left: Whether it was ended because it was behind.
        failure: Why it could not go on; "" if it could.
    """

    number: int
    drawn: dict[str, Any]
    losses: list[float | None]
    best_epoch: int
    epochs: int
    left: bool = False
    failure: str = ""

    @property
    def criterion(self) -> float:
        """The mean of the losses; NaN where one is undefined."""
        known = [np.nan if loss is None else loss for loss in self.losses]
        return float(np.mean(known)) if known else np.nan


class Searched(Struct, kw_only=True):
    """The trials of all tasks together, or of one alone.

    Attributes:
        task: The task alone, "" for all.
        trials: By number.
        best: Number of the winner.
        front: Numbers of the trials that none dominates, where there are several tasks.
        importances: Parameter → share of the criterion's variance.
    """

    task: str = ""
    trials: list[StoredTrial] = []
    best: int = 0
    front: list[int] = []
    importances: dict[str, float] = {}


class SearchResult(Struct, kw_only=True):
    """The content of `search.json`.

    Attributes:
        request: What was asked for, see `Space.to_dict`.
        tasks: Names of the tasks.
        searched: All tasks together, then each alone.
        best: Options of the winner, as in `best.toml`.
    """

    format: int = FORMAT
    request: dict[str, Any]
    tasks: list[str]
    searched: list[Searched]
    best: dict[str, Any]


def stored_search(folder: Path) -> SearchResult:
    """Return what a search came to.

    Raises:
        UserError: If it is not finished, or the file is damaged.
    """
    if not (folder / SEARCH_FILE).is_file():
        raise UserError(
            f"The search in {folder} is not finished; the same command continues."
        )
    return read_stored(folder / SEARCH_FILE, SearchResult)


def searched(book: Book, task: str, tasks: int, pareto: bool) -> Searched:
    """Return what the trials of a book come to.

    Args:
        book: The trials, finished.
        task: The task alone, "" for all.
        tasks: Number of losses of a trial.
        pareto: Whether the winner is the knee of the front, where there are several
            losses, and not the trial with the smallest mean.

    Raises:
        UserError: If no trial could be trained.
    """
    entries = book.finished()
    losses = [_losses(entry, tasks) for entry in entries]
    means = np.array([np.mean(each) for each in losses])
    if not np.isfinite(means).any():
        reasons = [entry.tried.failure for entry in entries if entry.tried.failure]
        subject = f"task {task}" if task else "all tasks"
        raise UserError(
            f"None of the {len(entries)} trials of {subject} has a validation loss. "
            + (f"The first says: {reasons[0]}" if reasons else "")
        )
    best = int(np.nanargmin(means))
    places = front(losses) if tasks > 1 else []
    if pareto and places:
        best = places[knee([losses[place] for place in places])]
    return Searched(
        task=task,
        trials=[_stored(entry) for entry in entries],
        best=entries[best].number,
        front=[entries[place].number for place in places],
        importances={n: float(v) for n, v in book.importances().items()},
    )


def _losses(entry: Entry, tasks: int) -> Sequence[float]:
    return entry.tried.losses or [np.nan] * tasks


def _stored(entry: Entry) -> StoredTrial:
    tried = entry.tried
    return StoredTrial(
        number=entry.number,
        drawn={
            name: value if isinstance(value, int | float) else label(value)
            for name, value in entry.drawn.items()
        },
        losses=[v if np.isfinite(v) else None for v in tried.losses],
        best_epoch=tried.best_epoch,
        epochs=tried.epochs,
        left=tried.left,
        failure=tried.failure,
    )
