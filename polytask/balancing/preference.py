"""Numbers that the user gives, for each task or for the update."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from polytask.errors import UserError
from polytask.numeric.namespace import Namespace, Tensor


def positive_numbers(name: str, values: Sequence[float] | None) -> list[float] | None:
    """Return the numbers given for an option, one for each task.

    Args:
        name: The option, for messages.
        values: Finite numbers above 0, or None.

    Returns:
        Plain numbers, which survive saving; None for None.

    Raises:
        UserError: If one of them is not finite or not positive.
    """
    numbers = _finite(values)
    if values is not None and (numbers is None or min(numbers) <= 0):
        raise UserError(
            f"{name} must be positive and finite, one number per task; found "
            f"{values!r}."
        )
    return numbers


def finite_numbers(name: str, values: Sequence[float] | None) -> list[float] | None:
    """Return the numbers given for an option, one for each task, of any sign.

    Args:
        name: The option, for messages.
        values: Finite numbers, or None.

    Returns:
        Plain numbers, which survive saving; None for None.

    Raises:
        UserError: If one of them is not finite.
    """
    numbers = _finite(values)
    if values is not None and numbers is None:
        raise UserError(
            f"{name} must be finite, one number per task; found {values!r}."
        )
    return numbers


def _finite(values: Sequence[float] | None) -> list[float] | None:
    """Return plain numbers; None if there are none or one of them is not finite."""
    numbers = np.asarray(values)
    listed = numbers.ndim == 1 and numbers.size and numbers.dtype.kind in "iuf"
    if not listed or not np.isfinite(numbers).all():
        return None
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
    balancer: object, num_tasks: int, **options: Sequence[float] | None
) -> None:
    """Refuse options that do not have as many numbers as there are tasks.

    Args:
        balancer: The balancer, for messages.
        num_tasks: Number of tasks, T.
        **options: Name → numbers; None is accepted.

    Raises:
        UserError: If the number is another one.
    """
    for name, numbers in options.items():
        if numbers is not None and len(numbers) != num_tasks:
            raise UserError(
                f"{type(balancer).__name__} has {len(numbers)} numbers in {name} for "
                f"{num_tasks} tasks; give one for each."
            )


def per_task(
    ops: Namespace, numbers: Sequence[float] | None, like: Tensor, default: Any
) -> Tensor:
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
