"""Targets and sample weights by task, from whatever form `fit` was given."""

from collections.abc import Sequence
from typing import Any

from polytask.errors import UserError, nearest


def targets_by_task(
    y: Any, names: Sequence[str], needed: Sequence[str]
) -> dict[str, Any]:
    """Return a dict from task to target.

    Args:
        y: A dict by task, a list in task order, or one array for a single task.
        names: All tasks of the model.
        needed: The tasks that have a loss.

    Returns:
        Task → target; the targets of other tasks may be missing or None.

    Raises:
        UserError: If a needed target is missing, or the form is none of these.
    """
    if isinstance(y, dict):
        for task in needed:
            if y.get(task) is None:
                found = ", ".join(map(str, y)) or "none"
                raise UserError(
                    f'There is no target for task "{task}"; found {found}.'
                    f"{nearest(task, map(str, y))}"
                )
        return y
    if isinstance(y, (list, tuple)) and len(y) == len(names):
        return dict(zip(names, y, strict=True))
    if len(names) == 1 and y is not None:
        return {names[0]: y}
    raise UserError(
        "Targets must be a dict from task name to array, with the tasks "
        f"{', '.join(names)}; found {type(y).__name__}."
    )


def weights_by_task(sample_weight: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return a dict from task to sample weights.

    Args:
        sample_weight: A dict by task, a list in task order, one array for all tasks,
            or None.
        names: All tasks of the model.

    Returns:
        Task → weights; empty for None.
    """
    if sample_weight is None:
        return {}
    if isinstance(sample_weight, dict):
        return sample_weight
    if isinstance(sample_weight, (list, tuple)) and len(sample_weight) == len(names):
        return dict(zip(names, sample_weight, strict=True))
    return dict.fromkeys(names, sample_weight)
