"""Numbers that the user gives, for each task or for the update."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from polytask.errors import UserError


def positive_numbers(name: str, given: Sequence[float] | None) -> list[float] | None:
    """Return the numbers given for an option, one for each task.

    Args:
        name: The option, for messages.
        given: Finite numbers above 0, or None.

    Returns:
        Plain numbers, which survive saving; None for None.

    Raises:
        UserError: If one of them is not finite or not positive.
    """
    if given is None:
        return None
    listed = np.ndim(given) == 1 and np.asarray(given).dtype.kind in "iuf"
    numbers = np.asarray(given, "float64") if listed else np.zeros(0)
    if not numbers.size or not (np.isfinite(numbers) & (numbers > 0)).all():
        raise UserError(
            f"{name} must be positive and finite, one number per task; found {given!r}."
        )
    return [float(x) for x in numbers]


def checked_norm(max_norm: float | None) -> float | None:
    """Return the longest update allowed.

    Args:
        max_norm: A positive number, or None.

    Raises:
        UserError: If it is none of these.
    """
    number = isinstance(max_norm, (int, float)) and not isinstance(max_norm, bool)
    if max_norm is not None and not (number and max_norm > 0):
        raise UserError(f"max_norm must be positive or None; found {max_norm!r}.")
    return max_norm


def check_one_for_each(
    balancer: object, num_tasks: int, **given: Sequence[float] | None
) -> None:
    """Refuse options that do not have as many numbers as there are tasks.

    Args:
        balancer: The balancer, for messages.
        num_tasks: Number of tasks, T.
        **given: The options; None is accepted.

    Raises:
        UserError: If the number is another one.
    """
    for name, numbers in given.items():
        if numbers is not None and len(numbers) != num_tasks:
            raise UserError(
                f"{type(balancer).__name__} has {len(numbers)} numbers in {name} for "
                f"{num_tasks} tasks; give one for each."
            )


def per_task(ops: Any, numbers: Sequence[float] | None, like: Any, default: Any) -> Any:
    """Return the numbers as a vector.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        numbers: One number for each task, or None.
        like: (T,) vector of the dtype wanted.
        default: What None stands for.

    Returns:
        (T,) vector.
    """
    if numbers is None:
        return ops.ones_like(like) * default
    return ops.cast(ops.convert_to_tensor(numbers, "float32"), like.dtype)
