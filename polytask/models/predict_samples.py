"""Predictions with dropout, many times: what a network is unsure of."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_count
from polytask._keras_private import carried_mask
from polytask.errors import UserError
from polytask.models.eager_batches import input_batches, training_mode
from polytask.models.multi_task_model import MultiTaskModel
from polytask.models.random_states import random_states
from polytask.models.recompute_statistics import statistics_layers
from polytask.training.task_graph import TaskGraph, build_task_graph


def predict_samples(
    model: MultiTaskModel, x: Any, samples: int = 30, batch_size: int = 256
) -> dict[str, np.ndarray]:
    """Return many predictions of each task, with dropout as in training.

    The mean over the samples is the prediction of an average over sub-networks, and
    their spread says how unsure the network is of each row, task by task: the standard
    deviation of a regression, for a classification the entropy of the mean minus the
    mean entropy. All that is random in training is random here: dropout of any kind,
    noise, gates. Batch normalization stays at inference.

    All tasks of a row see the same sample of the trunk. Where only the towers are
    random, the trunk runs once.

    Args:
        model: A `MultiTaskModel` with at least one layer that is random in training.
        x: Inputs as the model takes them, or batches of them.
        samples: Number of passes. Default: 30.
        batch_size: Rows of a batch where `x` are arrays. Default: 256.

    Returns:
        Task → float32 array (samples, rows, ...).

    Raises:
        UserError: If no layer is random, a number is below 1, or there is no row.

    Source:
        Gal and Ghahramani, "Dropout as a Bayesian Approximation: Representing Model
        Uncertainty in Deep Learning", ICML 2016.

    Example:
        >>> import keras, numpy as np, polytask
        >>> x = keras.Input((3,))
        >>> h = keras.layers.Dropout(0.5)(keras.layers.Dense(8, "relu")(x))
        >>> heads = {t: keras.layers.Dense(1)(h) for t in ("a", "b")}
        >>> model = polytask.MultiTaskModel(x, heads)
        >>> drawn = predict_samples(model, np.ones((4, 3), "float32"), samples=10)
        >>> drawn["a"].shape, drawn["a"].std(axis=0).shape
        ((10, 4, 1), (4, 1))
    """
    samples = checked_count(samples, "samples", "predict_samples")
    batch_size = checked_count(batch_size, "batch_size", "predict_samples")
    if not random_states(model):
        raise UserError(
            "predict_samples needs a layer that is random in training, such as "
            "Dropout; without one all samples are the same."
        )
    graph = build_task_graph(model, model.task_names)
    batches: dict[str, list[np.ndarray]] = {task: [] for task in graph.tasks}
    with training_mode(statistics_layers(model), False):
        for batch in input_batches(x, batch_size):
            by_task = zip(*_passes(graph, batch, samples), strict=True)
            for task, outputs in zip(graph.tasks, by_task, strict=True):
                batches[task].append(np.stack(outputs).astype("float32"))
    return {task: np.concatenate(parts, axis=1) for task, parts in batches.items()}


def _passes(graph: TaskGraph, batch: Any, samples: int) -> Iterator[list[np.ndarray]]:
    """Yield the outputs of all tasks, one pass after the other."""
    trunk_is_random = bool(random_states(graph.trunk))
    boundary: list[Any] = []
    for number in range(samples):
        if trunk_is_random or not number:
            boundary = keras.tree.flatten(graph.trunk(batch, training=True))
        masks = [carried_mask(tensor) for tensor in boundary]
        yield [
            ops.convert_to_numpy(
                head(
                    [boundary[i] for i in head.reads],
                    [masks[i] for i in head.reads],
                    True,
                )
            )
            for head in graph.heads
        ]
