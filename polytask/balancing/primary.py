"""Primary tasks, which auxiliary ones are to help."""

from collections.abc import Sequence

import numpy as np

from polytask.errors import UserError, nearest


def checked_primary(
    primary: Sequence[str | int] | None,
) -> list[str | int] | None:
    """Return the primary tasks as a plain list, which survives saving.

    Args:
        primary: Names or positions of tasks, or None for all.

    Raises:
        UserError: If it is empty or one name alone.
    """
    if primary is not None and (isinstance(primary, str) or not len(primary)):
        raise UserError(
            f"primary must be a list with one task or more, or None; found {primary!r}."
        )
    return None if primary is None else list(primary)


def primary_mask(
    primary: Sequence[str | int] | None, num_tasks: int, task_names: tuple[str, ...]
) -> np.ndarray:
    """Return which tasks are primary.

    Args:
        primary: Names or positions of tasks, or None for all.
        num_tasks: Number of tasks, T.
        task_names: Their names, or nothing.

    Returns:
        (T,) float32, 1 for primary tasks and 0 for auxiliary ones.

    Raises:
        UserError: If it names an unknown task.
    """
    known = {*range(num_tasks), *task_names}
    for task in primary or ():
        if task not in known:
            names = task_names or tuple(map(str, range(num_tasks)))
            raise UserError(
                f"primary names the unknown task {task!r}."
                f"{nearest(str(task), names)} Tasks: {', '.join(names)}."
            )
    chosen = range(num_tasks) if primary is None else primary
    return np.array(
        [
            task in chosen or (bool(task_names) and task_names[task] in chosen)
            for task in range(num_tasks)
        ],
        "float32",
    )
