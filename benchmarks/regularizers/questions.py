"""Measure the answers to three questions, on digits."""

import time
from typing import Any

import numpy as np
import results
from networks import BUDGETS, NETWORK, SEEDS, settings_of

from polytask.lab.metrics import primary_metric
from polytask.lab.studies.train import Trained, train
from polytask.lab.tables import Dataset

LAMBDAS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
RATES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8)
ORDERS = {
    "none": {},
    "batch norm": {"batch_norm": True},
    "batch norm, dropout after the last": {"batch_norm": True, "dropout_tower": 0.5},
    "batch norm after dropout": {"batch_norm": True, "dropout_trunk": 0.5},
}
# Edges of the histogram of |w|, in powers of ten; exact zeros are counted apart.
EDGES = np.linspace(-8, 0, 17)


def measure(dataset: Dataset) -> None:
    """Measure what is not stored yet: about 200 trainings of a second each."""
    stored = results.read("questions")
    stored["about"] = {"data": "digits", "seeds": len(SEEDS), "edges": EDGES.tolist()}
    variants: dict[str, dict[str, Any]] = {}
    for strength in LAMBDAS:
        variants[f"l1 {strength:g}"] = {"l1": strength}
        variants[f"l2 {strength:g}"] = {"l2": strength}
    variants |= {f"dropout {rate:g}": {"dropout_trunk": rate} for rate in RATES}
    variants |= {f"order {name}": options for name, options in ORDERS.items()}
    start = time.process_time()
    for name, options in variants.items():
        if name in stored["rows"]:
            continue
        seeds = SEEDS[:3] if name[:2] in ("l1", "l2") else SEEDS
        stored["rows"][name] = [_facts(options, dataset, seed) for seed in seeds]
        results.write("questions", stored)
        print("questions", name, f"{time.process_time() - start:.0f} s", flush=True)


def _facts(options: dict[str, Any], dataset: Dataset, seed: int) -> dict[str, Any]:
    settings = settings_of(options)
    trained = train(dataset, dataset.tasks, NETWORK, BUDGETS["digits"], settings, seed)
    sparsity = trained.model.sparsity()
    weights = np.abs(
        np.concatenate(
            [np.ravel(v) for v in trained.model.get_weights() if np.ndim(v) > 1]
        )
    )
    powers = np.log10(weights[weights > 0])
    counts, _ = np.histogram(np.clip(powers, EDGES[0], EDGES[-1]), EDGES)
    return {
        "test": _primary(trained, dataset, "test"),
        "train": _primary(trained, dataset, "train"),
        "zeros": round(sparsity.zeros / sparsity.weights, 4),
        "histogram": counts.tolist(),
        "validation_loss": _curve(trained),
    }


def _primary(trained: Trained, dataset: Dataset, split: str) -> dict[str, float]:
    metrics = {task.name: primary_metric(task.kind).name for task in dataset.tasks}
    return {
        task: round(value, 5)
        for task, part, metric, value in trained.scores
        if part == split and metric == metrics[task]
    }


def _curve(trained: Trained) -> list[float]:
    """Return the mean validation loss of the tasks, epoch by epoch."""
    by_epoch: dict[int, list[float]] = {}
    for _, epoch, split, metric, value in trained.history:
        if split == "validation" and metric == "loss":
            by_epoch.setdefault(epoch, []).append(value)
    return [round(float(np.mean(by_epoch[epoch])), 4) for epoch in sorted(by_epoch)]
