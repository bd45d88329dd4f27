"""What is stored of one finished run."""

from typing import Any

import numpy as np

from polytask.lab.studies.plan import MULTI_TASK, Run
from polytask.lab.studies.train import Trained
from polytask.lab.tables import Dataset
from polytask.models import MultiTaskModel

FORMAT = 1


def run_record(
    run: Run, trained: Trained, dataset: Dataset, warnings: list[str]
) -> dict[str, Any]:
    """Return the JSON-able record of a run.

    Args:
        run: Which run.
        trained: Its model and measurements.
        dataset: Names the input columns that the model uses.
        warnings: What was warned of while training.

    Returns:
        The content of `runs/<run_id>.json`.
    """
    sparsity = trained.model.sparsity()
    return {
        "format": FORMAT,
        "run_id": run.run_id,
        "model": run.model,
        "variant": run.variant,
        "task": run.task,
        "seed": run.seed,
        "criterion": trained.criterion,
        "best_epoch": trained.best_epoch,
        "epochs": trained.epochs,
        "seconds": round(trained.seconds, 3),
        "parameters": int(trained.model.count_params()),
        "weights": sparsity.weights,
        "zeros": sparsity.zeros,
        "features": used_columns(trained.model, dataset)
        if run.model == MULTI_TASK
        else None,
        "scores": trained.scores,
        "missing": trained.missing,
        "history": trained.history,
        "gradients": trained.gradients,
        "warnings": warnings,
    }


def used_columns(model: MultiTaskModel, dataset: Dataset) -> dict[str, Any]:
    """Return which source columns the model uses, shared and by task.

    Args:
        model: A trained model.
        dataset: Names the columns of the design matrix.

    Returns:
        `shared` (used by every task), `tasks`, `dropped` (used by none) and `total`,
        all as columns of the user's table.
    """
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
    return {
        "shared": [n for n in every if all(n in own for own in tasks.values())],
        "tasks": tasks,
        "dropped": [n for n in every if not any(n in own for own in tasks.values())],
        "total": len(every),
    }
