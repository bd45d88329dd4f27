"""The best prediction that looks at no input: the yardstick of a loss."""

import numpy as np

from polytask.errors import UserError
from polytask.lab.metrics.evaluate import labeled
from polytask.lab.tables import Task


def constant_prediction(task: Task, y: np.ndarray, rows: int) -> np.ndarray:
    """Return the constant that minimizes the task's loss on labels `y`.

    Args:
        task: What is predicted.
        y: Training labels (rows,), NaN or -1 where missing.
        rows: How often to repeat the constant.

    Returns:
        Predictions in the form of `polytask.lab.metrics.evaluate`: the share of
        positives, the shares of the classes, or the mean.

    Raises:
        UserError: If no label is present.

    Example:
        >>> task = Task("t", "binary", ("no", "yes"))
        >>> constant_prediction(task, np.array([0, 1, 1, np.nan]), rows=1).round(3)
        array([0.667])
    """
    present = y[labeled(task, y)]
    if not present.size:
        raise UserError(f"Task {task.name!r} has no label in any training row.")
    if task.kind == "multiclass":
        shares = np.bincount(present, minlength=len(task.classes)) / present.size
        return np.tile(shares, (rows, 1))
    return np.full(rows, present.astype(np.float64).mean())
