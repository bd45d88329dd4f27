"""A model's outputs on fixed rows, as metrics and users want them."""

from collections.abc import Sequence

import keras
import numpy as np

from polytask.lab.kinds import Task

# Rows of one forward pass: large enough to hide its overhead, small enough for memory.
CHUNK = 16_384


class Predictor:
    """Predicts the same rows again and again, cheaply.

    The rows go through the model's compiled forward pass, without the data pipeline
    that `model.predict` builds for each call. They are filled up to one of few sizes,
    since each is compiled for itself.

    Args:
        x: Design matrix (rows, features).
        tasks: The model's tasks.
        at_least: Rows of a forward pass that is compiled already; fewer are filled up.
    """

    def __init__(self, x: np.ndarray, tasks: Sequence[Task], at_least: int = 0) -> None:
        self.tasks = tasks
        self.rows = len(x)
        self.chunks = [
            keras.ops.convert_to_tensor(_filled(x[start : start + CHUNK], at_least))
            for start in range(0, len(x), CHUNK)
        ]

    def __call__(self, model: keras.Model) -> dict[str, np.ndarray]:
        """Return task → predictions.

        Args:
            model: A model with one output per task.

        Returns:
            Predictions as `polytask.lab.kinds.TaskKind` describes them.
        """
        parts = [model.predict_on_batch(chunk) for chunk in self.chunks]
        predictions = {}
        for task in self.tasks:
            outputs = np.concatenate([part[task.name] for part in parts])
            predictions[task.name] = task.rules.predictions(task, outputs[: self.rows])
        return predictions


def _filled(x: np.ndarray, at_least: int) -> np.ndarray:
    """Return rows and, after them, zeros up to the next of few sizes.

    They are 5, 6, 7 and 8 times a power of two, so that at most a fifth is zeros.
    """
    rows = max(len(x), at_least)
    step = 2 ** max(0, (rows - 1).bit_length() - 3)
    missing = rows + -rows % step - len(x)
    return np.concatenate([x, np.zeros((missing, *x.shape[1:]), x.dtype)])
