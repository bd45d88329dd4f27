"""Measure L2SP where it belongs: a network learns one more task and may forget."""

import time
from typing import Any

import keras
import numpy as np
import results
from networks import BUDGETS, CHOOSING_SEED, NETWORK, SEEDS

from polytask.lab.metrics import evaluate, primary_metric
from polytask.lab.studies import Budget, Settings
from polytask.lab.studies.batches import Batches
from polytask.lab.studies.epoch_selection import EpochSelection
from polytask.lab.studies.network import build_network
from polytask.lab.studies.predictor import Predictor
from polytask.lab.tables import Dataset, Split, Task
from polytask.models import MultiTaskModel
from polytask.regularizers import L2SP

STRENGTHS = (0.01, 0.1, 1.0)
#: The task that comes later, by data set.
LATER = {"digits": "digit", "census": "income"}


def measure(name: str, dataset: Dataset) -> None:
    """Train two tasks, then the third alone, with and without L2SP.

    The trunk's kernels are anchored at their values after the first training. The
    strength is the one with the best mean validation metric of the three tasks, in a
    training with a seed of its own.

    Args:
        name: Name of the data set, one of `LATER`.
        dataset: Its rows.
    """
    stored = results.read(name)
    if "l2_sp" in stored["rows"]:
        return

    def trained(strength: float, seed: int) -> dict[str, Any]:
        return _trained(name, dataset, strength, seed)

    choice = {
        s: np.mean(list(trained(s, CHOOSING_SEED)["validation"].values()))
        for s in STRENGTHS
    }
    best = max(choice, key=lambda s: choice[s])
    stored["rows"]["l2_sp"] = {
        "strength": best,
        "settings": {"trunk": "l2_sp"},
        "runs": [trained(best, seed) for seed in SEEDS],
        # What it is compared with: the same second training without the anchor.
        "plain": [trained(0.0, seed) for seed in SEEDS],
    }
    results.write(name, stored)


def _trained(name: str, dataset: Dataset, strength: float, seed: int) -> dict[str, Any]:
    start = time.process_time()
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    inputs = dataset.train.x.shape[1]
    model = build_network(dataset.tasks, inputs, NETWORK, Settings())
    later = tuple(task for task in dataset.tasks if task.name == LATER[name])
    earlier = tuple(task for task in dataset.tasks if task.name != LATER[name])
    budget = BUDGETS[name]
    _fit(model, dataset, earlier, budget, seed)
    for layer in model.layers:
        if strength and layer.name.startswith("trunk") and layer.weights:
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            layer.kernel.regularizer = L2SP(kernel, strength)
    selection = _fit(model, dataset, later, budget, seed)
    sparsity = model.sparsity()
    return {
        **{
            part: _metrics(model, dataset, split)
            for part, split in dataset.splits.items()
        },
        "zeros": round(sparsity.zeros / sparsity.weights, 4),
        "epochs": selection.epochs,
        "seconds": round(time.process_time() - start, 2),
    }


def _fit(
    model: MultiTaskModel,
    dataset: Dataset,
    tasks: tuple[Task, ...],
    budget: Budget,
    seed: int,
) -> EpochSelection:
    """Train some of the tasks up to their best validation epoch."""
    model.compile(
        keras.optimizers.Adam(budget.learning_rate),
        loss={task.name: task.rules.loss for task in tasks},
    )
    selection = EpochSelection(dataset, tasks, budget.patience)
    rows = Batches(dataset.train, tasks, budget.batch_size, seed)
    model.fit(
        rows, epochs=budget.epochs, shuffle=False, verbose=0, callbacks=[selection]
    )
    selection.restore()
    return selection


def _metrics(model: MultiTaskModel, dataset: Dataset, split: Split) -> dict[str, float]:
    predictions = Predictor(split.x, dataset.tasks)(model)
    found = {}
    for task in dataset.tasks:
        metric = primary_metric(task.kind)
        scores, _ = evaluate(
            task, split.y[task.name], predictions[task.name], (metric,)
        )
        found[task.name] = round(scores[metric.name], 5)
    return found
