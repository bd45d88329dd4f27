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

# Without a terminal, about so many lines tell the progress.
LINES = 20


class Trained(Protocol):
    """What is shown of a finished run."""

    @property
    def epochs(self) -> int | None:
        """How many were trained."""


class StudyProgress:
    """A live display on a terminal, a few lines elsewhere; always on stderr.

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
        self.display.update(line, completed=epoch, count=f"epoch {epoch}/{self.epochs}")

    def done(self, run: Run, record: Trained) -> None:
        """Show that a run is stored."""
        self.finished += 1
        count = f"{self.finished}/{self.total}"
        self.display.update(self.overall, completed=self.finished, count=count)
        every = max(1, self.total // LINES)
        if not self.live and (
            self.finished % every == 0 or self.finished == self.total
        ):
            print(
                f"{count} runs, {_title(run)}, {record.epochs} epochs, "
                f"about {self._left()} left",
                file=sys.stderr,
                flush=True,
            )

    def _left(self) -> str:
        trained = self.finished - self.before
        rate = (time.monotonic() - self.start) / trained
        seconds = round(rate * (self.total - self.finished))
        return f"{seconds // 60}:{seconds % 60:02d} min"


def _title(run: Run) -> str:
    subject = run.task if run.task else "all tasks"
    return f"{run.variant}, {subject}, seed {run.seed}"
