"""One run of a study: trained, its model stored, its measurements recorded."""

import warnings

import numpy as np

from polytask._atomic import replacing
from polytask.lab.studies.ensemble import train_members
from polytask.lab.studies.epoch_selection import OnEpoch
from polytask.lab.studies.plan import arm_settings, budget_of
from polytask.lab.studies.schema import MULTI_TASK, Features, Record, Run
from polytask.lab.studies.store import Store
from polytask.lab.studies.study import Study
from polytask.lab.studies.train import Trained, train
from polytask.lab.tables import Dataset
from polytask.models import MultiTaskModel


def train_run(
    study: Study,
    dataset: Dataset,
    store: Store,
    run: Run,
    on_epoch: OnEpoch | None = None,
) -> Record:
    """Train one run, store its model if it is a multi-task one, return its record.

    Args:
        study: What was asked for.
        dataset: Its data.
        store: Where the model goes.
        run: Which run.
        on_epoch: Called with the number of each finished epoch.
    """
    trained, record = trained_run(study, dataset, run, on_epoch)
    if run.model == MULTI_TASK:
        with replacing(store.model_file(run)) as aside:
            trained.model.save(aside)
    return record


def trained_run(
    study: Study, dataset: Dataset, run: Run, on_epoch: OnEpoch | None = None
) -> tuple[Trained, Record]:
    """Train one run and return its model with its record; otherwise as `train_run`."""
    tasks = tuple(t for t in dataset.tasks if run.task in ("", t.name))
    # Stored with the run: printed, they would tear the progress display, once a run.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        # A run that was killed may leave half an entry in JAX's cache of compiled code;
        # JAX says so and compiles again. That is no property of this run.
        warnings.filterwarnings("ignore", "Error (read|writ)ing persistent compilation")
        trains = train if study.budget.members == 1 else train_members
        trained = trains(
            dataset,
            tasks,
            study.network,
            budget_of(study, run),
            arm_settings(study, run),
            run.seed,
            on_epoch,
            watch_gradients=study.compares_balancers,
        )
    said = {str(w.message) for w in caught if issubclass(w.category, UserWarning)}
    return trained, recorded(run, trained, dataset, sorted(said))


def recorded(run: Run, trained: Trained, dataset: Dataset, said: list[str]) -> Record:
    """Return the record of a finished run.

    Args:
        run: Which run.
        trained: Its model and measurements.
        dataset: Its data.
        said: What was warned of while training.
    """
    sparsity = trained.model.sparsity()
    return Record.of(
        run,
        criterion=trained.criterion,
        best_epoch=trained.best_epoch,
        epochs=trained.epochs,
        seconds=round(trained.seconds, 3),
        parameters=int(trained.model.count_params()),
        weights=sparsity.weights,
        zeros=sparsity.zeros,
        features=_used_columns(trained.model, dataset)
        if run.model == MULTI_TASK
        else None,
        scores=trained.reached.scores,
        missing=trained.reached.missing,
        reliability=trained.reached.reliability,
        history=trained.history,
        gradients=trained.gradients,
        warnings=said,
    )


def _used_columns(model: MultiTaskModel, dataset: Dataset) -> Features:
    """Return which columns of the user's table a model reads."""
    used = model.sparsity().used_inputs
    if used is None:
        # Through an embedding no kernel says what is read: all of it, then.
        whole = np.ones(len(dataset.feature_sources), bool)
        used = dict.fromkeys(model.task_names, whole)
    sources = np.array(dataset.feature_sources)
    every = list(dict.fromkeys(dataset.feature_sources))
    tasks = {
        task: [name for name in every if columns[sources == name].any()]
        for task, columns in used.items()
    }
    return Features(
        shared=[n for n in every if all(n in own for own in tasks.values())],
        tasks=tasks,
        dropped=[n for n in every if not any(n in own for own in tasks.values())],
        total=len(every),
    )
