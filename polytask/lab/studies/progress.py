"""What is being trained, how far it is, and how long it will take."""

import sys
import time
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from polytask.lab.studies.schema import Run

#: Without a terminal, seconds between the lines that tell the progress.
EVERY = 10.0


class _Lines:
    """Lines for a file or a pipe, not more than one in `EVERY` seconds."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def say(self, text: str, at_once: bool = False) -> None:
        """Print a line, unless the last one is too young."""
        now = time.monotonic()
        if at_once or now - self.last >= EVERY:
            self.last = now
            print(text, file=sys.stderr, flush=True)


class CountProgress:
    """How many things are done, on stderr, once it takes longer.

    Args:
        things: What is counted, such as the rows of a table.

    Example:
        >>> with CountProgress("rows") as progress:
        ...     progress.more(1_000)
        ...     progress.count
        1000
    """

    def __init__(self, things: str) -> None:
        self.things = things
        self.count = 0
        console = Console(file=sys.stderr)
        self.live = console.is_terminal
        self.lines = _Lines()
        self.display = Progress(
            TextColumn("{task.completed:,.0f} {task.description}", markup=False),
            TimeElapsedColumn(),
            console=console,
            disable=not self.live,
            transient=True,
        )
        self.display.add_task(things, total=None)

    def __enter__(self) -> "CountProgress":
        self.display.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.display.stop()

    def more(self, number: int) -> None:
        """Count more of them."""
        self.count += number
        self.display.update(self.display.task_ids[0], completed=self.count)
        if not self.live:
            self.lines.say(f"{self.count:,} {self.things}")


class Trained(Protocol):
    """What is shown of a finished run."""

    @property
    def epochs(self) -> int | None:
        """How many were trained."""


class StudyProgress:
    """A live display on a terminal, a line every ten seconds elsewhere; on stderr.

    Args:
        total: Runs of the whole study.
        finished: Runs that were stored before.
        jobs: Number of workers, one line each.
        epochs: The most epochs of a run.
    """

    def __init__(self, total: int, finished: int, jobs: int, epochs: int) -> None:
        self.total = total
        self.finished = finished
        self.before = finished
        self.epochs = epochs
        self.start = time.monotonic()
        self.said = _Lines()
        self.console = Console(file=sys.stderr)
        self.live = self.console.is_terminal
        self.display = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self.console,
            disable=not self.live,
        )
        self.overall = self.display.add_task(
            "all runs", total=total, completed=finished, count=f"{finished}/{total}"
        )
        self.lines: list[TaskID] = [
            self.display.add_task("starting", total=epochs, count="")
            for _ in range(jobs)
        ]

    def __enter__(self) -> "StudyProgress":
        self.display.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.display.stop()

    def epoch(self, worker: int, run: Run, epoch: int) -> None:
        """Show that a worker has finished an epoch."""
        line = self.lines[worker]
        if epoch == 1:
            self.display.reset(line, description=_title(run))
        count = f"epoch {epoch}/{self.epochs}"
        self.display.update(line, completed=epoch, count=count)
        if not self.live:
            self.said.say(f"{self._count()}, {_title(run)}, {count}{self._left()}")

    def done(self, run: Run, record: Trained) -> None:
        """Show that a run is stored."""
        self.finished += 1
        self.display.update(
            self.overall, completed=self.finished, count=f"{self.finished}/{self.total}"
        )
        if not self.live:
            text = f"{self._count()}, {_title(run)}, {record.epochs} epochs"
            self.said.say(text + self._left(), at_once=self.finished == self.total)

    def _count(self) -> str:
        return f"{self.finished}/{self.total} runs"

    def _left(self) -> str:
        trained = self.finished - self.before
        if not trained or self.finished == self.total:
            return ""
        rate = (time.monotonic() - self.start) / trained
        seconds = round(rate * (self.total - self.finished))
        return f", about {seconds // 60}:{seconds % 60:02d} min left"


def _title(run: Run) -> str:
    subject = run.task if run.task else "all tasks"
    return f"{run.variant}, {subject}, seed {run.seed}"


def lines(jobs: int, cluster: object) -> int:
    """Return how many workers are shown; those of a cluster report no epochs.

    Args:
        jobs: Processes; 0 for this one.
        cluster: Many machines; None for this one.
    """
    return 0 if cluster is not None else max(1, jobs)
