"""A process that trains one run after the other, as its parent tells it."""

import os
import signal
import threading
import traceback
import warnings
from multiprocessing import connection, parent_process
from typing import Any

from polytask._atomic import replacing
from polytask.errors import TableWarning, UserError
from polytask.lab.studies.epoch_selection import OnEpoch
from polytask.lab.studies.load_data import load_data
from polytask.lab.studies.plan import MULTI_TASK, Run
from polytask.lab.studies.run_record import run_record
from polytask.lab.studies.store import Store
from polytask.lab.studies.study import Study
from polytask.lab.studies.train import check_variants, train
from polytask.lab.tables import Dataset


def train_run(
    study: Study,
    dataset: Dataset,
    store: Store,
    run: Run,
    on_epoch: OnEpoch | None = None,
) -> dict[str, Any]:
    """Train one run, store its model if it is a multi-task one, return its record."""
    tasks = tuple(t for t in dataset.tasks if run.task in ("", t.name))
    # Stored with the run: printed, they would tear the progress display, once a run.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        # A run that was killed may leave half an entry in JAX's cache of compiled code;
        # JAX says so and compiles again. That is no property of this run.
        warnings.filterwarnings("ignore", "Error (read|writ)ing persistent compilation")
        trained = train(
            dataset,
            tasks,
            study.network,
            study.budget,
            study.variant(run.variant).settings,
            run.seed,
            on_epoch,
            watch_gradients=study.compares_balancers,
        )
    if run.model == MULTI_TASK:
        with replacing(store.model_file(run)) as aside:
            trained.model.save(aside)
    said = {str(w.message) for w in caught if issubclass(w.category, UserWarning)}
    return run_record(run, trained, dataset, sorted(said))


def work(
    pipe: connection.Connection, study: Study, store: Store, known: str, check: bool
) -> None:
    """Serve runs until the parent closes the pipe.

    Args:
        pipe: Runs come in; `("ready",)`, then `("epoch", number)` and
            `("done", record)`, and `("failed", user error or not, text)` go out.
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
            run = pipe.recv()
            record = train_run(
                study, dataset, store, run, lambda epoch: pipe.send(("epoch", epoch))
            )
            pipe.send(("done", record))
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
