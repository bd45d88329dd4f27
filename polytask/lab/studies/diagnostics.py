"""What a fitted model does on rows that it did not learn from, for its report."""

from typing import Any

import numpy as np

from polytask.lab.kinds import Task, is_labeled
from polytask.lab.metrics import evaluate
from polytask.lab.studies.baselines import fit_baselines
from polytask.lab.studies.predictor import Predictor
from polytask.lab.studies.stored_diagnostics import Diagnostics, TaskDiagnostics
from polytask.lab.tables import Dataset, Split

#: Models of other kinds that stand beside a fitted one.
BESIDE = ("constant", "trees")
# Larger ones cannot be read, and take longer than they tell.
_MOST_CLASSES = 12
_MOST_PAIRS = 200
_MOST_COLUMNS = 100
_MOST_ROWS = 1_000


def diagnosed(model: Any, dataset: Dataset, seed: int = 0) -> Diagnostics:
    """Look at a model's predictions of the test rows.

    Args:
        model: Of all tasks of the data set.
        dataset: Its test rows, or validation rows where there are none.
        seed: Of the rows that are shown and of the cells that change places.

    Source:
        A. Fisher, C. Rudin, F. Dominici, "All Models are Wrong, but Many are Useful:
        Learning a Variable's Importance by Studying an Entire Class of Prediction
        Models Simultaneously", JMLR 2019, on importance by permutation.
    """
    split = "test" if len(dataset.test) else "validation"
    rows = dataset.splits[split]
    random = np.random.default_rng(seed)
    found = Predictor(rows.x, dataset.tasks)(model)
    importance = _importance(model, dataset, _some(rows, random), random)
    return Diagnostics(
        split=split,
        tasks=[
            TaskDiagnostics(
                task=task.name,
                confusion=_confusion(task, rows.y[task.name], found[task.name]),
                pairs=_pairs(task, rows.y[task.name], found[task.name], random),
                importance=importance[task.name],
            )
            for task in dataset.tasks
        ],
        baselines=fit_baselines(dataset, BESIDE),
    )


def _confusion(task: Task, y: np.ndarray, prediction: np.ndarray) -> list[list[int]]:
    if not task.rules.has_classes or len(task.classes) > _MOST_CLASSES:
        return []
    known = is_labeled(y)
    codes = {label: code for code, label in enumerate(task.classes)}
    labels = task.rules.columns(task, prediction[known])[task.name]
    counts = np.zeros((len(codes), len(codes)), np.int64)
    np.add.at(counts, (y[known].astype(int), [codes[label] for label in labels]), 1)
    matrix: list[list[int]] = counts.tolist()
    return matrix


def _pairs(
    task: Task, y: np.ndarray, prediction: np.ndarray, random: np.random.Generator
) -> list[tuple[float, float]]:
    if task.rules.has_classes:
        return []
    known = np.flatnonzero(is_labeled(y))
    chosen = random.permutation(known)[:_MOST_PAIRS]
    return [(float(y[row]), float(prediction[row])) for row in np.sort(chosen)]


def _some(rows: Split, random: np.random.Generator) -> Split:
    chosen = np.sort(random.permutation(len(rows))[:_MOST_ROWS])
    labels = {task: values[chosen] for task, values in rows.y.items()}
    weights = None if rows.weights is None else rows.weights[chosen]
    return Split(rows.x[chosen], labels, weights)


def _importance(
    model: Any, dataset: Dataset, rows: Split, random: np.random.Generator
) -> dict[str, list[tuple[str, float]]]:
    sources = np.array(dataset.feature_sources)
    columns = list(dict.fromkeys(dataset.feature_sources))
    worse: dict[str, list[tuple[str, float]]] = {t.name: [] for t in dataset.tasks}
    if len(columns) > _MOST_COLUMNS:
        return worse
    before = _primary(model, dataset.tasks, rows, rows.x)
    for column in columns:
        x = rows.x.copy()
        features = np.flatnonzero(sources == column)
        x[:, features] = x[np.ix_(random.permutation(len(x)), features)]
        for task, gain in _primary(model, dataset.tasks, rows, x).items():
            if np.isfinite(before[task] - gain):
                worse[task].append((column, before[task] - gain))
    return {
        task: sorted(found, key=lambda one: -one[1]) for task, found in worse.items()
    }


def _primary(
    model: Any, tasks: tuple[Task, ...], rows: Split, x: np.ndarray
) -> dict[str, float]:
    """Return task → its first metric, turned so that more is better."""
    found = Predictor(x, tasks)(model)
    gains = {}
    for task in tasks:
        metric = task.rules.primary
        scores, _ = evaluate(
            task, rows.y[task.name], found[task.name], (metric,), rows.weights
        )
        value = scores[metric.name]
        gains[task.name] = value if metric.higher_is_better else -value
    return gains
