"""Runs in parallel processes, each result handed over as soon as it is there."""

import multiprocessing
import os
import signal
import threading
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection, parent_process, process
from typing import Any

from polytask.errors import TableWarning, UserError
from polytask.lab.studies.environment import environment, worker_environment
from polytask.lab.studies.lanes import train_group
from polytask.lab.studies.load_data import load_data
from polytask.lab.studies.schema import Record, Run
from polytask.lab.studies.store import Store
from polytask.lab.studies.study import Study
from polytask.lab.studies.train import check_variants

OnDone = Callable[[Run, Record], None]
OnEpoch = Callable[[int, Run, int], None]


@dataclass
class _Worker:
    """A process, the parent's end of its pipe, and what it is doing."""

    process: process.BaseProcess
    pipe: connection.Connection
    run: Run | None = None
    left: int = 0


def run_in_processes(
    study: Study,
    store: Store,
    known: str,
    runs: list[list[Run]],
    jobs: int,
    on_epoch: OnEpoch,
    on_done: OnDone,
) -> None:
    """Train groups of runs in `jobs` processes with one compute thread each.

    Args:
        study: What was asked for.
        store: The study's folder.
        known: Fingerprint of the data.
        runs: Groups as of `groups`, in order; a free worker takes the next one.
        jobs: Number of processes.
        on_epoch: Called with worker number, run and epoch.
        on_done: Called with each finished run and its record, in this process.

    Raises:
        UserError: If a run cannot be trained because of what was asked for.
            Also if its process was killed; finished runs are stored.
        RuntimeError: If a run fails for another reason.
    """
    waiting = list(reversed(runs))
    workers = _start(min(jobs, len(runs)), study, store, known)
    try:
        # No training starts before every worker has read the data and the first one
        # has built the variants.
        for worker in workers:
            kind, *content = _receive(worker)
            if kind != "ready":
                _fail(None, *content)
        for worker in workers:
            _next(worker, waiting)
        while any(worker.run for worker in workers):
            busy = {worker.pipe: worker for worker in workers if worker.run}
            for ready in connection.wait(list(busy)):
                worker = busy[ready]  # type: ignore[index]
                if worker.run is None:
                    continue
                kind, *content = _receive(worker)
                if kind == "epoch":
                    on_epoch(workers.index(worker), *content)
                elif kind == "done":
                    on_done(*content)
                    worker.left -= 1
                    if not worker.left:
                        _next(worker, waiting)
                else:
                    _fail(worker.run, *content)
    finally:
        for worker in workers:
            worker.pipe.close()
            worker.process.terminate()
        for worker in workers:
            worker.process.join()


def _start(count: int, study: Study, store: Store, known: str) -> list[_Worker]:
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
                    args=(theirs, study, store, known, number == 0),
                    daemon=True,
                )
                child.start()
                theirs.close()
                workers.append(_Worker(child, ours))
    finally:
        signal.signal(signal.SIGINT, before)
    return workers


def _next(worker: _Worker, waiting: list[list[Run]]) -> None:
    group = waiting.pop() if waiting else []
    worker.run, worker.left = (group[0] if group else None), len(group)
    if group:
        try:
            worker.pipe.send(group)
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
    pipe: connection.Connection, study: Study, store: Store, known: str, check: bool
) -> None:
    """Serve runs until the parent closes the pipe.

    Args:
        pipe: Groups of runs come in; `("ready",)`, then `("epoch", run, number)` and
            `("done", run, record)`, and `("failed", user error or not, text)` go out.
        study: What was asked for.
        store: Where models go; the parent writes the records.
        known: Fingerprint of the data that the parent saw.
        check: Whether to build every variant's network once before being ready.
    """
    # Ctrl-C reaches the whole group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        with warnings.catch_warnings():
            # The parent has shown them.
            warnings.simplefilter("ignore", TableWarning)
            dataset, _ = load_data(study.data)
        if dataset.facts["fingerprint"] != known:
            raise UserError(f"The data of {study.name} changed during the study.")
        if check:
            check_variants(study.variants, dataset, study.network, study.budget)
        pipe.send(("ready",))
        while True:
            group = pipe.recv()
            train_group(
                study,
                dataset,
                store,
                group,
                lambda run, epoch: pipe.send(("epoch", run, epoch)),
                lambda run, record: pipe.send(("done", run, record)),
            )
    except (EOFError, BrokenPipeError):
        # The parent has closed its end: no more runs.
        return
    except UserError as error:
        pipe.send(("failed", True, str(error)))
    except Exception:
        pipe.send(("failed", False, traceback.format_exc()))


def _die_with_parent() -> None:
    """End at once when the parent was killed: nobody would store the result."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
