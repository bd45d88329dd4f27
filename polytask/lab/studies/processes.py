"""Trainings in parallel processes, each result handed over as soon as it is there."""

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import connection, parent_process, process
from types import TracebackType
from typing import Any, Self

from polytask.errors import UserError, system_message
from polytask.lab.studies.engine import (
    Check,
    Engine,
    OnDone,
    OnEpoch,
    ThisProcess,
    Work,
)
from polytask.lab.studies.environment import environment, worker_environment
from polytask.lab.studies.load_data import StudyData, same_data
from polytask.lab.studies.ray_engine import Cluster, RayEngine
from polytask.lab.studies.schema import Run
from polytask_options import DataSource


@dataclass
class _Worker:
    """A process, the parent's end of its pipe, and what it is doing."""

    process: process.BaseProcess
    pipe: connection.Connection
    run: Run | None = None
    left: int = 0


class Processes:
    """An engine of processes on this machine with one compute thread each.

    Args:
        source: Where the rows come from; every process reads them.
        known: Their fingerprint.
        jobs: Number of processes.
        check: Looks at the rows in one of the processes, before anything is trained.
    """

    def __init__(self, source: DataSource, known: str, jobs: int, check: Check) -> None:
        self.arguments = (source, known, check)
        self.jobs = jobs
        self.workers: list[_Worker] = []

    def __enter__(self) -> Self:
        self.workers = _start(self.jobs, *self.arguments)
        try:
            for worker in self.workers:
                kind, *content = _receive(worker)
                if kind != "ready":
                    _fail(None, *content)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        for worker in self.workers:
            worker.pipe.close()
            worker.process.terminate()
        for worker in self.workers:
            worker.process.join()

    def run(self, works: Sequence[Work], on_epoch: OnEpoch, on_done: OnDone) -> None:
        """Do all of the work, see `Engine`; finished runs are kept by the caller."""
        waiting = list(reversed(works))
        for worker in self.workers:
            _next(worker, waiting)
        while any(worker.run for worker in self.workers):
            busy = {worker.pipe: worker for worker in self.workers if worker.run}
            for ready in connection.wait(list(busy)):
                worker = busy[ready]  # type: ignore[index]
                if worker.run is None:
                    continue
                kind, *content = _receive(worker)
                if kind == "epoch":
                    on_epoch(self.workers.index(worker), *content)
                elif kind == "done":
                    on_done(*content)
                    worker.left -= 1
                    if not worker.left:
                        _next(worker, waiting)
                else:
                    _fail(worker.run, *content)


def _start(count: int, source: DataSource, known: str, check: Check) -> list[_Worker]:
    context = multiprocessing.get_context("spawn")
    workers = []
    # Inherited by the children, so that Ctrl-C cannot hit them while they import.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with environment(worker_environment()):
            for number in range(count):
                ours, theirs = context.Pipe()
                child = context.Process(
                    target=_work,
                    args=(theirs, source, known, check if number == 0 else None),
                    daemon=True,
                )
                child.start()
                theirs.close()
                workers.append(_Worker(child, ours))
    finally:
        signal.signal(signal.SIGINT, before)
    return workers


def _next(worker: _Worker, waiting: list[Work]) -> None:
    work = waiting.pop() if waiting else None
    runs = list(work.runs) if work else []
    worker.run, worker.left = (runs[0] if runs else None), len(runs)
    if work is not None:
        try:
            worker.pipe.send(work)
        except BrokenPipeError:
            # It ended while loading; its last message says why.
            return


def _receive(worker: _Worker) -> tuple[Any, ...]:
    try:
        message: tuple[Any, ...] = worker.pipe.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join()
        raise UserError(
            f"The process that trained {worker.run.run_id if worker.run else '?'} "
            f"ended with exit code {worker.process.exitcode} (out of memory?). "
            "Finished runs are kept; the same command continues."
        ) from None
    return message


def _fail(run: Run | None, by_user: bool, text: str) -> None:
    if by_user:
        raise UserError(f"{text} (in the run {run.run_id})" if run else text)
    raise RuntimeError(f"The run {run.run_id if run else '?'} failed:\n{text}")


def _work(
    pipe: connection.Connection, source: DataSource, known: str, check: Check | None
) -> None:
    """Do what comes in until the parent closes the pipe.

    Args:
        pipe: Work comes in; `("ready",)`, then `("epoch", run, number)` and
            `("done", run, result)`, and `("failed", user error or not, text)` go out.
        source: Where the rows come from.
        known: Fingerprint of the data that the parent saw.
        check: Looks at the rows before this process is ready.
    """
    # Ctrl-C reaches the whole group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        dataset = same_data(source, known)
        if check is not None:
            check(dataset)
        pipe.send(("ready",))
        while True:
            pipe.recv().train(
                dataset,
                lambda run, epoch: pipe.send(("epoch", run, epoch)),
                lambda run, result: pipe.send(("done", run, result)),
            )
    except (EOFError, BrokenPipeError):
        # The parent has closed its end: no more runs.
        return
    except UserError as error:
        pipe.send(("failed", True, str(error)))
    except OSError as error:
        # A full disk or a folder that is gone is no fault of the program.
        pipe.send(("failed", True, system_message(error)))
    except Exception:
        pipe.send(("failed", False, traceback.format_exc()))


def _die_with_parent() -> None:
    """End at once when the parent was killed: nobody would store the result."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def engine_for(
    data: StudyData, jobs: int, check: Check, cluster: Cluster | None = None
) -> Engine:
    """Return what trains.

    Args:
        data: The rows.
        jobs: Processes; 0 for this one.
        check: Looks at the rows first, in one worker.
        cluster: Many machines; None for this one.
    """
    if cluster is not None:
        return RayEngine(cluster, data.parts, check)
    dataset = data.first
    if not jobs:
        return ThisProcess(dataset, check)
    return Processes(data.source(), dataset.facts["fingerprint"], jobs, check)
