"""Features as a matrix of rows, with the task of each."""

from typing import Any

from keras import ops

from polytask.layers._task_index import one_hot_tasks, over_rows


def flat_rows(features: Any) -> Any:
    """Return features of shape (batch, ..., channels) as float32 (rows, channels)."""
    return ops.reshape(ops.cast(features, "float32"), (-1, features.shape[-1]))


def flat_tasks(task: Any, features: Any, num_tasks: int) -> Any:
    """Return the task of each of the rows of `flat_rows(features)` as indicators.

    Args:
        task: Task index of each element of the batch, shape (batch,) or (batch, 1);
            None for one task that all belong to.
        features: The features, of shape (batch, ..., channels).
        num_tasks: Number of tasks.

    Returns:
        Float32 (rows, num_tasks); a row of zeros where the index is out of range.
    """
    places = ops.shape(features)[:-1]
    if task is None:
        task = ops.zeros(places[:1], "int32")
    hot, _ = one_hot_tasks(task, num_tasks)
    hot = over_rows(hot, len(places) + 1)
    return ops.reshape(ops.broadcast_to(hot, (*places, num_tasks)), (-1, num_tasks))
