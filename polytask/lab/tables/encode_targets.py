"""Label columns to tasks and arrays."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from polytask.errors import UserError, listed, nearest
from polytask.lab.kinds import KINDS, MAX_CLASSES, Task
from polytask.lab.tables.read_column import read_column


def encode_targets(
    frame: pd.DataFrame, kinds: Mapping[str, str], *, max_classes: int = MAX_CLASSES
) -> tuple[tuple[Task, ...], dict[str, np.ndarray]]:
    """Find the classes of each task and encode its labels.

    Labels are sorted (by value if all are numbers, else as text) and numbered in that
    order, so the positive class of a binary task is the one **sorted last**: 1 of 0/1,
    `true` of false/true, `yes` of no/yes, `sick` of healthy/sick.

    Args:
        frame: The whole table.
        kinds: Column → kind of task.
        max_classes: The most classes that a multiclass task may have.

    Returns:
        The tasks (regression: `mean` and `scale` still 0 and 1; `from_table` sets
        them from training rows) and task → labels as in `Split.y`.

    Raises:
        UserError: If a column is absent, has no labels, one class only, three or more
            values for a binary task, too many classes, or text or infinite values for
            a regression.

    Example:
        >>> table = pd.DataFrame({"sick": ["no", "yes", None]})
        >>> tasks, y = encode_targets(table, {"sick": "binary"})
        >>> tasks[0].classes, y["sick"].tolist()
        (('no', 'yes'), [0.0, 1.0, nan])
    """
    tasks = []
    y = {}
    for name, kind in kinds.items():
        if name not in frame.columns:
            known = [str(column) for column in frame.columns]
            raise UserError(
                f"The table has no column {name!r} for the task {name}:{kind}."
                f"{nearest(name, known)} Its columns: {listed(known)}."
            )
        rules = KINDS[kind]
        column = read_column(frame[name], name, rules.reads)
        try:
            task = rules.learned(column, max_classes)
            y[name] = rules.labels(task, column)
        except UserError as error:
            raise UserError(f"Task {name}:{kind}: {error}") from error
        tasks.append(task)
    return tuple(tasks), y


def encode_labels(series: pd.Series, task: Task) -> np.ndarray:
    """Encode the labels of a known task, also on new rows.

    Args:
        series: A column of labels.
        task: With the classes found in training.

    Returns:
        Labels of shape (rows,): float32 with NaN where missing (binary, regression),
        int32 with -1 where missing (multiclass).

    Raises:
        UserError: If a label is not one of the task's classes, or not a number.

    Example:
        >>> task = Task("sick", "binary", ("no", "yes"))
        >>> encode_labels(pd.Series(["yes", None]), task).tolist()
        [1.0, nan]
    """
    column = read_column(series, task.name, task.rules.reads)
    try:
        return task.rules.labels(task, column)
    except UserError as error:
        raise UserError(f"Task {task.name}:{task.kind}: {error}") from error
