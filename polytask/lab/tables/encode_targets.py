"""Label columns to tasks and arrays."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from polytask.errors import UserError, nearest
from polytask.lab.kinds import KINDS, Task
from polytask.lab.tables.values import is_number, number_values, row_name, text_values

MAX_CLASSES = 100


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
    for name, kind in kinds.items():
        if name not in frame.columns:
            known = [str(column) for column in frame.columns]
            raise UserError(
                f"The table has no column {name!r} for the task {name}:{kind}."
                f"{nearest(name, known)} Its columns: {', '.join(known)}."
            )
        tasks.append(_task(frame[name], name, kind, max_classes))
    return tuple(tasks), {
        task.name: encode_labels(frame[task.name], task) for task in tasks
    }


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
    if not task.rules.has_classes:
        return _regression_numbers(series, task.name).astype(np.float32)
    texts = text_values(series)
    codes = pd.Index(task.classes, dtype=object).get_indexer(texts)
    wrong = (codes < 0) & pd.notna(texts)
    if wrong.any():
        position = int(np.argmax(wrong))
        raise UserError(
            f"Column {task.name!r} holds the label {texts[position]!r} in "
            f"{row_name(series.index, position)}. Accepted: {_shown(task.classes)}."
        )
    labels = np.where(codes < 0, task.rules.missing, codes)
    return labels.astype(task.rules.dtype)


def _task(series: pd.Series, name: str, kind: str, max_classes: int) -> Task:
    texts = pd.unique(text_values(series))
    classes = _sorted([text for text in texts if text is not None])
    if not classes:
        raise UserError(
            f"Task {name}:{kind}: all {len(series)} labels in column {name!r} are "
            "missing."
        )
    if not KINDS[kind].has_classes:
        _regression_numbers(series, name)
    elif is_number(series):
        number_values(series, name)
    if len(classes) == 1:
        raise UserError(
            f"Task {name}:{kind}: every label in column {name!r} is {classes[0]!r}; "
            "at least two different ones are needed."
        )
    if kind == "binary" and len(classes) > 2:
        other = "regression" if is_number(series) else "multiclass"
        raise UserError(
            f"Task {name}:binary: column {name!r} holds {len(classes)} different "
            f"labels ({_shown(classes)}); a binary task has two. "
            f"Did you mean {name}:{other}?"
        )
    if kind == "multiclass" and len(classes) > max_classes:
        raise UserError(
            f"Task {name}:multiclass: column {name!r} holds {len(classes)} different "
            f"labels ({_shown(classes)}); at most {max_classes} are accepted. "
            + (f"Did you mean {name}:regression?" if is_number(series) else "")
        )
    return Task(name, kind, tuple(classes) if KINDS[kind].has_classes else ())


def _regression_numbers(series: pd.Series, name: str) -> np.ndarray:
    try:
        numbers = number_values(series, name)
    except UserError as error:
        raise UserError(f"Task {name}:regression: {error}") from error
    if np.nanmax(np.abs(numbers), initial=0.0) > np.finfo(np.float32).max:
        raise UserError(
            f"Task {name}:regression: column {name!r} holds numbers beyond the range "
            "of float32; rescale it."
        )
    return numbers


def _sorted(texts: list[str]) -> list[str]:
    """Sort by value if all are numbers, else as text."""
    numbers = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce")
    if numbers.notna().all():
        values = numbers.to_numpy(np.float64)
        order = sorted(range(len(texts)), key=lambda i: (values[i], texts[i]))
        return [texts[i] for i in order]
    return sorted(texts)


def _shown(labels: list[str] | tuple[str, ...]) -> str:
    """Return the first few labels for a message."""
    shown = ", ".join(repr(label) for label in labels[:5])
    return shown + (", ..." if len(labels) > 5 else "")
