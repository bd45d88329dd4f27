"""Where trainings run: what an engine is given, and what it gives back."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from polytask.lab.studies.schema import Run
from polytask.lab.tables import Dataset

#: Called with a finished run and its result.
OnDone = Callable[[Run, Any], None]
#: Called with the number of a worker, a run that it trains and the run's epoch.
OnEpoch = Callable[[int, Run, int], None]
#: Looks at the data before anything is trained.
Check = Callable[[Dataset], None]


class Work(Protocol):
    """Trainings that one worker takes at once. It can be pickled."""

    @property
    def runs(self) -> Sequence[Run]:
        """The trainings; each has one result."""

    @property
    def folder(self) -> Path | None:
        """Where it writes files, None for nowhere."""

    def elsewhere(self, folder: Path, parts: Mapping[int, Dataset]) -> "Work":
        """Return the same work for a machine that shares no files with this one.

        Args:
            folder: Where it writes in place of its own folder.
            parts: Seed → rows, where it would read them.
        """

    def train(
        self, dataset: Dataset, on_epoch: Callable[[Run, int], None], on_done: OnDone
    ) -> None:
        """Train them.

        Args:
            dataset: The rows.
            on_epoch: Called with a run that trains and the number of its epoch.
            on_done: Called with each finished run and its result.
        """


class Engine(Protocol):
    """Workers that have read the data; a context manager around them."""

    def __enter__(self) -> Self:
        """Return the engine."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the workers."""

    def run(self, works: Sequence[Work], on_epoch: OnEpoch, on_done: OnDone) -> None:
        """Do all of the work; it may be called again.

        Args:
            works: In order; a free worker takes the next one.
            on_epoch: Called in this process.
            on_done: Called in this process.

        Raises:
            UserError: If a run cannot be trained because of what was asked for, or its
                process was killed.
            RuntimeError: If a run fails for another reason.
        """


class ThisProcess:
    """The engine without workers.

    Args:
        dataset: The rows.
        check: Looks at them first.
    """

    def __init__(self, dataset: Dataset, check: Check) -> None:
        self.dataset = dataset
        self.check = check

    def __enter__(self) -> Self:
        self.check(self.dataset)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End nothing."""

    def run(self, works: Sequence[Work], on_epoch: OnEpoch, on_done: OnDone) -> None:
        """Do all of the work, see `Engine`."""
        for work in works:
            work.train(
                self.dataset, lambda run, epoch: on_epoch(0, run, epoch), on_done
            )
