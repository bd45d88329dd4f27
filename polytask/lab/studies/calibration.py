"""One factor on the logits of a task, so that its probabilities mean shares."""

import keras
import numpy as np
from scipy.optimize import minimize_scalar

from polytask.lab.kinds import Task
from polytask.lab.metrics import task_loss

# What a network that was regularized well has lies far inside.
_SHARPEST = 8.0
_LEAST = 1e-7


def can_be_calibrated(task: Task) -> bool:
    """Return whether a task's probabilities are the sigmoid or softmax of logits."""
    return task.rules.has_classes and task.rules.activation in ("sigmoid", "softmax")


def sharpness(
    task: Task,
    y: np.ndarray,
    prediction: np.ndarray,
    weight: np.ndarray | None = None,
) -> float:
    """Return the factor on the logits with the smallest loss on validation rows.

    It is one over the temperature: above 1 where a network is too careful, below where
    it is too certain. Which class is the likeliest, and AUC, stay as they are.

    Args:
        task: With classes.
        y: Labels as in `Split.y`.
        prediction: As `polytask.lab.kinds.TaskKind` describes it.
        weight: Of rows, if they count differently.

    Source:
        Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML
        2017.

    Example:
        >>> task = Task("t", "binary", ("no", "yes"))
        >>> y, certain = np.array([0.0, 1, 1, 1]), np.full(4, 0.99)
        >>> round(float(sharpened(certain, sharpness(task, y, certain))[0]), 3)
        0.75
    """

    def loss(logarithm: float) -> float:
        return task_loss(
            task, y, sharpened(prediction, float(np.exp(logarithm))), weight
        )

    bound = np.log(_SHARPEST)
    return float(
        np.exp(minimize_scalar(loss, bounds=(-bound, bound), method="bounded").x)
    )


def sharpened(prediction: np.ndarray, factor: float) -> np.ndarray:
    """Return probabilities whose logits are multiplied by a factor.

    Args:
        prediction: Probabilities, as `polytask.lab.kinds.TaskKind` describes them.
        factor: As `sharpness` returns it.
    """
    shares = np.clip(np.asarray(prediction, np.float64), _LEAST, 1.0)
    positive_alone = shares.ndim == 1
    if positive_alone:
        shares = np.stack([np.clip(1 - shares, _LEAST, 1.0), shares], axis=1)
    logits = factor * np.log(shares)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers[:, 1] if positive_alone else powers


def sharpen_head(head: keras.layers.Dense, factor: float) -> None:
    """Multiply what a head computes before its activation by a factor."""
    head.kernel.assign(head.kernel * factor)
    head.bias.assign(head.bias * factor)
