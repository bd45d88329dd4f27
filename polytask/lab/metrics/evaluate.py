"""All metrics of one task on one split, over its labeled rows."""

import math

import numpy as np

from polytask.errors import UserError
from polytask.lab.kinds import Task, is_labeled
from polytask.lab.metric import Metric, UndefinedMetricError, Weight

Scores = dict[str, float]
Reasons = dict[str, str]


def evaluate(
    task: Task,
    y: np.ndarray,
    prediction: np.ndarray,
    metrics: tuple[Metric, ...] | None = None,
    weight: Weight = None,
) -> tuple[Scores, Reasons]:
    """Return the metrics of one task; rows without a label or weight do not count.

    Args:
        task: What is predicted.
        y: Labels (rows,), NaN or -1 where missing; numbers in original units.
        prediction: As `polytask.lab.kinds.TaskKind` describes it.
        metrics: Which ones; default: all of the task's kind. `"loss"` (see
            `task_loss`) is always among them.
        weight: How much each row counts (rows,); None where all count alike.

    Returns:
        Metric → value, and metric → reason for those that are undefined here (NaN).

    Raises:
        UserError: If a prediction of a labeled row is not finite.

    Example:
        >>> y, p = np.array([0, 1, np.nan]), np.array([0.2, 0.9, 0.5])
        >>> evaluate(Task("t", "binary", ("no", "yes")), y, p)[0]["auc"]
        1.0
    """
    chosen = task.rules.metrics if metrics is None else metrics
    labeled = counted(y, weight)
    names = [metric.name for metric in chosen] + ["loss"]
    if not labeled.any():
        reason = "no row has a label" + ("" if weight is None else " and a weight")
        return dict.fromkeys(names, math.nan), dict.fromkeys(names, reason)
    y, prediction, weight = y[labeled], prediction[labeled], _some(weight, labeled)
    if not np.isfinite(prediction).all():
        bad = int((~np.isfinite(prediction)).sum())
        raise UserError(
            f"Task {task.name!r}: {bad} predictions are not finite; the training "
            "diverged. A smaller learning rate usually helps."
        )
    scores: Scores = {}
    reasons: Reasons = {}
    for metric in chosen:
        try:
            scores[metric.name] = metric.compute(y, prediction, weight)
        except UndefinedMetricError as undefined:
            scores[metric.name] = math.nan
            reasons[metric.name] = str(undefined)
    scores["loss"] = task.rules.loss_value(task, y, prediction, weight)
    return scores, reasons


def task_loss(
    task: Task, y: np.ndarray, prediction: np.ndarray, weight: Weight = None
) -> float:
    """Return a task's loss without any penalty, over its labeled rows.

    Args:
        task: What is predicted.
        y: Labels as for `evaluate`.
        prediction: Predictions as for `evaluate`.
        weight: Of rows, as for `evaluate`.

    Returns:
        Mean cross-entropy; for regression the mean squared error in units of the
        training targets' variance. NaN where no row is labeled.
    """
    labeled = counted(y, weight)
    if not labeled.any():
        return math.nan
    return task.rules.loss_value(
        task, y[labeled], prediction[labeled], _some(weight, labeled)
    )


def constant_prediction(
    task: Task, y: np.ndarray, rows: int, weight: Weight = None
) -> np.ndarray:
    """Return the constant that minimizes the task's loss on labels `y`.

    Args:
        task: What is predicted.
        y: Training labels (rows,), NaN or -1 where missing.
        rows: How often to repeat the constant.
        weight: Of the labels, as for `evaluate`.

    Returns:
        Predictions in the form of `evaluate`: the share of positives, the shares of
        the classes, or the mean.

    Raises:
        UserError: If no label is present.

    Example:
        >>> task = Task("t", "binary", ("no", "yes"))
        >>> constant_prediction(task, np.array([0, 1, 1, np.nan]), rows=1).round(3)
        array([0.667])
    """
    labeled = counted(y, weight)
    present = y[labeled]
    if not present.size:
        raise UserError(f"Task {task.name!r} has no label in any training row.")
    constant = task.rules.constant(task, present, _some(weight, labeled))
    return np.broadcast_to(constant, (rows, *constant.shape)).copy()


def counted(y: np.ndarray, weight: Weight = None) -> np.ndarray:
    """Return, as (rows,) bool, which rows have a label and a weight above 0."""
    labeled = is_labeled(y)
    return labeled if weight is None else labeled & (weight > 0)


def _some(weight: Weight, rows: np.ndarray) -> Weight:
    return None if weight is None else weight[rows]
