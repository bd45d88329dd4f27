"""Measure every technique in a network, on digits and on a part of Census."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import results
from catalogue import Technique

from polytask.lab.metrics import primary_metric
from polytask.lab.studies import Budget, Network, Settings
from polytask.lab.studies.reading import Place, read
from polytask.lab.studies.train import Trained, train
from polytask.lab.tables import Dataset, Split, bundled

SEEDS = (0, 1, 2, 3, 4)
CHOOSING_SEED = 100
NETWORK = Network(trunk=(128, 64), towers=(32,), activation="relu")
BUDGETS = {
    "digits": Budget(epochs=80, batch_size=32, learning_rate=3e-3, patience=15),
    "census": Budget(epochs=30, batch_size=100, learning_rate=1e-3, patience=8),
}
CENSUS_ROWS = {"train": 2_000, "validation": 4_000, "test": 20_000}


def load(name: str, data_dir: Path | None) -> Dataset:
    """Return digits, or a part of Census that is small enough to overfit."""
    dataset = bundled(name, data_dir=data_dir)
    if name == "digits":
        return dataset
    parts = {part: _some(dataset.splits[part], n) for part, n in CENSUS_ROWS.items()}
    return replace(dataset, **parts)


def _some(split: Split, rows: int) -> Split:
    chosen = np.random.default_rng(0).permutation(len(split))[:rows]
    return Split(split.x[chosen], {task: y[chosen] for task, y in split.y.items()})


def measure(
    name: str, dataset: Dataset, techniques: list[Technique], seconds: float
) -> None:
    """Measure the techniques that have no stored result yet.

    The strength is the one of the grid with the best validation criterion in a
    training with a seed of its own. Test rows are looked at for it alone.

    Args:
        name: `"digits"` or `"census"`.
        dataset: The rows.
        techniques: What to measure.
        seconds: CPU seconds after which no further technique is begun.
    """
    stored = results.read(name)
    stored["about"] = _about(dataset, BUDGETS[name])
    plain = Technique("none", "No regularization", "", "", "", "", settings={})
    start = time.process_time()
    for technique in [plain, *techniques]:
        if technique.settings is None or technique.name in stored["rows"]:
            continue
        if time.process_time() - start > seconds:
            break
        stored["rows"][technique.name] = _row(technique, dataset, BUDGETS[name])
        results.write(name, stored)
        # Compiled steps pile up otherwise, gigabytes of them.
        jax.clear_caches()
        print(name, technique.name, f"{time.process_time() - start:.0f} s", flush=True)


def settings_of(options: dict[str, Any]) -> Settings:
    """Return the settings that a study file with these options has."""
    return read(Settings(), options, Place("techniques.toml"))


def _row(technique: Technique, dataset: Dataset, budget: Budget) -> dict[str, Any]:
    def run(strength: float, seed: int) -> Trained:
        settings = settings_of(technique.at(strength))
        return train(dataset, dataset.tasks, NETWORK, budget, settings, seed)

    strength = technique.grid[0]
    if len(technique.grid) > 1:
        criteria = {s: run(s, CHOOSING_SEED).criterion for s in technique.grid}
        strength = min(criteria, key=lambda s: criteria[s])
    runs = []
    for seed in SEEDS:
        start = time.process_time()
        trained = run(strength, seed)
        runs.append(_facts(trained, dataset, time.process_time() - start))
    return {
        "strength": strength if len(technique.grid) > 1 else None,
        "settings": technique.at(strength),
        "runs": runs,
    }


def _facts(trained: Trained, dataset: Dataset, seconds: float) -> dict[str, Any]:
    """Return what is kept of one training."""
    metrics = {task.name: primary_metric(task.kind).name for task in dataset.tasks}
    found: dict[str, Any] = {"train": {}, "test": {}}
    for task, split, metric, value in trained.scores:
        if split in found and metric == metrics[task]:
            found[split][task] = round(value, 5)
    sparsity = trained.model.sparsity()
    unused = sparsity.unused_inputs
    return {
        **found,
        "zeros": round(sparsity.zeros / sparsity.weights, 4),
        "unused_inputs": 0 if unused is None else int(unused.sum()),
        "epochs": trained.epochs,
        "seconds": round(seconds, 2),
    }


def _about(dataset: Dataset, budget: Budget) -> dict[str, Any]:
    return {
        "rows": {part: len(split) for part, split in dataset.splits.items()},
        "inputs": dataset.train.x.shape[1],
        "tasks": {task.name: primary_metric(task.kind).name for task in dataset.tasks},
        "trunk": list(NETWORK.trunk),
        "towers": list(NETWORK.towers),
        "epochs": budget.epochs,
        "batch_size": budget.batch_size,
        "learning_rate": budget.learning_rate,
    }
