"""Kinds of task: all that differs between a yes, a grade and a count.

A new kind is one subclass of `TaskKind`, in `_classes` or `_numbers`, and its instance
in the tuple below: loss, head, labels, metrics, constant prediction and columns of
predictions follow from it in studies, reports and commands.
"""

from collections.abc import Mapping, Sequence

from polytask.errors import UserError
from polytask.lab.kinds._classes import Binary, Multiclass, Ordinal
from polytask.lab.kinds._numbers import Count, Positive, Regression
from polytask.lab.kinds.task_kind import (
    KINDS,
    MAX_CLASSES,
    MISSING,
    Task,
    TaskKind,
    check_kind,
    is_labeled,
)
from polytask.lab.metric import Metric

for _kind in (Binary(), Multiclass(), Ordinal(), Regression(), Count(), Positive()):
    KINDS[_kind.name] = _kind

#: Kind → its metrics; the first decides.
METRICS: dict[str, tuple[Metric, ...]] = {k.name: k.metrics for k in KINDS.values()}

__all__ = [
    "KINDS",
    "MAX_CLASSES",
    "METRICS",
    "MISSING",
    "Task",
    "TaskKind",
    "check_kind",
    "is_labeled",
    "parse_task",
    "primary_metric",
    "task_kinds",
]


def primary_metric(kind: str) -> Metric:
    """Return the metric that decides for a kind of task.

    Example:
        >>> primary_metric("regression").name
        'rmse'
    """
    return KINDS[kind].primary


def parse_task(text: str) -> tuple[str, str]:
    """Split `"column:kind"` at its last colon.

    Args:
        text: Such as `"income:binary"`.

    Returns:
        The column and the kind.

    Raises:
        UserError: If a part is missing or the kind is unknown.

    Example:
        >>> parse_task("income:binary")
        ('income', 'binary')
    """
    name, colon, kind = text.rpartition(":")
    if not colon or not name or not kind:
        raise UserError(
            f"Task {text!r} does not say what it is. Write COLUMN:KIND, such as "
            f"{(name or kind or 'income')}:binary; kinds: {', '.join(KINDS)}."
        )
    check_kind(name, kind)
    return name, kind


def task_kinds(
    tasks: Mapping[str, str] | Sequence[str | tuple[str, str]],
) -> dict[str, str]:
    """Bring the accepted ways to write tasks into one form.

    Args:
        tasks: `{"income": "binary"}`, `["income:binary"]` or
            `[("income", "binary")]`.

    Returns:
        Column → kind, in the given order.

    Raises:
        UserError: If there is no task, one is named twice or a kind is unknown.

    Example:
        >>> task_kinds(["income:binary", ("rating", "regression")])
        {'income': 'binary', 'rating': 'regression'}
    """
    if isinstance(tasks, Mapping):
        pairs = list(tasks.items())
    else:
        pairs = [parse_task(task) if isinstance(task, str) else task for task in tasks]
    if not pairs:
        raise UserError("No task is given; at least one COLUMN:KIND is needed.")
    kinds: dict[str, str] = {}
    for name, kind in pairs:
        if name in kinds:
            raise UserError(
                f"Task {name!r} is given twice ({kinds[name]} and {kind}); a column "
                "can be the target of one task."
            )
        check_kind(name, kind)
        kinds[name] = kind
    return kinds
