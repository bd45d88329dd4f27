"""A model's outputs on fixed rows, as metrics and users want them."""

from collections.abc import Sequence

import keras
import numpy as np

from polytask.lab.kinds import Task

# Rows of one forward pass: large enough to hide its overhead, small enough for memory.
CHUNK = 16_384


class Predictor:
    """Predicts the same rows again and again, cheaply.

    The model is called directly: for small networks that is faster than
    `model.predict`, which builds a data pipeline for each call.

    Args:
        x: Design matrix (rows, features).
        tasks: The model's tasks.
    """

    def __init__(self, x: np.ndarray, tasks: Sequence[Task]) -> None:
        self.tasks = tasks
        self.chunks = [
            keras.ops.convert_to_tensor(x[start : start + CHUNK])
            for start in range(0, len(x), CHUNK)
        ]

    def __call__(self, model: keras.Model) -> dict[str, np.ndarray]:
        """Return task → predictions.

        Args:
            model: A model with one output per task.

        Returns:
            Predictions as `polytask.lab.kinds.TaskKind` describes them.
        """
        parts = [model(chunk, training=False) for chunk in self.chunks]
        predictions = {}
        for task in self.tasks:
            outputs = [keras.ops.convert_to_numpy(part[task.name]) for part in parts]
            predictions[task.name] = task.rules.predictions(
                task, np.concatenate(outputs)
            )
        return predictions
