"""All metrics of one task on one split, over its labeled rows."""

import math

import numpy as np

from polytask.lab.metrics.metric import METRICS, Metric, UndefinedMetricError, log_loss
from polytask.lab.tables import Task

Scores = dict[str, float]
Reasons = dict[str, str]


def evaluate(
    task: Task,
    y: np.ndarray,
    prediction: np.ndarray,
    metrics: tuple[Metric, ...] | None = None,
) -> tuple[Scores, Reasons]:
    """Return the metrics of one task; rows without a label do not count.

    Args:
        task: What is predicted.
        y: Labels (rows,), NaN or -1 where missing; regression in original units.
        prediction: Probability of the positive class (rows,), probabilities (rows,
            classes), or values in original units (rows,).
        metrics: Which ones; default: all of the task's kind. `"loss"` (see
            `task_loss`) is always among them.

    Returns:
        Metric → value, and metric → reason for those that are undefined here (NaN).

    Raises:
        ValueError: If a prediction of a labeled row is not finite.

    Example:
        >>> y, p = np.array([0, 1, np.nan]), np.array([0.2, 0.9, 0.5])
        >>> evaluate(Task("t", "binary", ("no", "yes")), y, p)[0]["auc"]
        1.0
    """
    chosen = METRICS[task.kind] if metrics is None else metrics
    mask = labeled(task, y)
    names = [metric.name for metric in chosen] + ["loss"]
    if not mask.any():
        reason = "no row has a label"
        return dict.fromkeys(names, math.nan), dict.fromkeys(names, reason)
    y, prediction = y[mask], prediction[mask]
    if not np.isfinite(prediction).all():
        bad = int((~np.isfinite(prediction)).sum())
        raise ValueError(
            f"Task {task.name!r}: {bad} predictions are not finite; the training "
            "diverged. A smaller learning rate usually helps."
        )
    scores: Scores = {}
    reasons: Reasons = {}
    for metric in chosen:
        try:
            scores[metric.name] = metric.compute(y, prediction)
        except UndefinedMetricError as undefined:
            scores[metric.name] = math.nan
            reasons[metric.name] = str(undefined)
    scores["loss"] = _loss(task, y, prediction)
    return scores, reasons


def task_loss(task: Task, y: np.ndarray, prediction: np.ndarray) -> float:
    """Return a task's loss without any penalty, over its labeled rows.

    Args:
        task: What is predicted.
        y: Labels as for `evaluate`.
        prediction: Predictions as for `evaluate`.

    Returns:
        Mean cross-entropy; for regression the mean squared error in units of the
        training targets' variance. NaN where no row is labeled.
    """
    mask = labeled(task, y)
    return _loss(task, y[mask], prediction[mask]) if mask.any() else math.nan


def labeled(task: Task, y: np.ndarray) -> np.ndarray:
    """Return which rows have a label."""
    return y >= 0 if task.kind == "multiclass" else ~np.isnan(y)


def _loss(task: Task, y: np.ndarray, prediction: np.ndarray) -> float:
    if task.kind == "regression":
        error = (y.astype(np.float64) - prediction.astype(np.float64)) / task.scale
        return float(np.mean(np.square(error)))
    return log_loss(y, prediction)
