"""Rows of any rank, and the task that each of them belongs to."""

from typing import Any

from keras import ops


def one_hot_tasks(task: Any, num_tasks: int) -> tuple[Any, Any]:
    """Return the task of each row as indicators, and which rows have one.

    Args:
        task: Task index of each row, shape (rows,) or (rows, 1).
        num_tasks: Number of tasks.

    Returns:
        Float32 (rows, num_tasks) indicators, and a boolean (rows,), false where the
        index is not one of 0 to num_tasks - 1.
    """
    index = ops.cast(ops.reshape(task, (-1, 1)), "int32")
    hot = ops.equal(index, ops.reshape(ops.arange(num_tasks, dtype="int32"), (1, -1)))
    return ops.cast(hot, "float32"), ops.any(hot, axis=1)


def over_rows(values: Any, rank: int) -> Any:
    """Return (rows, channels) values with 1s between, to meet a tensor of `rank`."""
    rows, channels = ops.shape(values)
    return ops.reshape(values, (rows, *[1] * (rank - 2), channels))


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
