"""Rows that say which task they belong to."""

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
