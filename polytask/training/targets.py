"""Targets and sample weights by task, from whatever form `fit` was given."""

from collections.abc import Sequence
from typing import Any

import keras

from polytask.errors import UserError, nearest


def targets_by_task(
    y: Any, names: Sequence[str], needed: Sequence[str]
) -> dict[str, Any]:
    """Return a dict from task to target.

    Args:
        y: A dict by task; a list for all outputs, or for those with a loss; one array
            where one task has a loss; or the structure of the model's outputs.
        names: All tasks of the model.
        needed: The tasks that have a loss.

    Returns:
        Task → target; the targets of other tasks may be missing or None.

    Raises:
        UserError: If a needed target is missing, or the form is none of these.
    """
    targets = _by_task(y, names, needed)
    if targets is None:
        raise UserError(
            "Targets must be a dict from task name to array, with the tasks "
            f"{', '.join(names)}, or a list in their order; found {described(y)}."
        )
    for task in needed:
        if targets.get(task) is None:
            found = ", ".join(name for name, v in targets.items() if v is not None)
            raise UserError(
                f'There is no target for task "{task}"; found {found or "none"}.'
                f"{nearest(task, map(str, targets))}"
            )
    return targets


def weights_by_task(
    sample_weight: Any, names: Sequence[str], needed: Sequence[str]
) -> dict[str, Any]:
    """Return a dict from task to sample weights.

    Args:
        sample_weight: Any of the forms of targets, one array for all tasks, or None.
        names: All tasks of the model.
        needed: The tasks that have a loss.

    Returns:
        Task → weights; empty for None.

    Raises:
        UserError: If the form is none of these.
    """
    if sample_weight is None:
        return {}
    if not keras.tree.is_nested(sample_weight):
        return dict.fromkeys(names, sample_weight)
    weights = _by_task(sample_weight, names, needed)
    if weights is None:
        raise UserError(
            "sample_weight must be one array for all tasks, a dict by task or a list "
            f"in the order of {', '.join(names)}; found {described(sample_weight)}."
        )
    return weights


def _by_task(
    values: Any, names: Sequence[str], needed: Sequence[str]
) -> dict[str, Any] | None:
    """Return values by task, or None where their form says nothing of tasks."""
    if isinstance(values, dict):
        nested = any(map(keras.tree.is_nested, values.values()))
        if not nested or set(needed) <= values.keys():
            return values
        places = keras.tree.flatten_with_path(values)
        if len(places) != len(names):
            return None
        pairs = list(zip(names, places, strict=True))
        if not all(_is_called(name, path) for name, (path, _) in pairs):
            return None
        return {name: value for name, (_, value) in pairs}
    if isinstance(values, (list, tuple)):
        flat = keras.tree.flatten(values)
        for order in (names, needed):
            if len(flat) == len(order):
                return dict(zip(order, flat, strict=True))
        return None
    if values is None or len(needed) != 1:
        return None
    return {needed[0]: values}


def _is_called(name: str, path: tuple[Any, ...]) -> bool:
    """Return whether the keys of a path lead to an output of a nested structure."""
    keys = list(map(str, path))
    words = name.split("/")
    if isinstance(path[-1], int):
        # Outputs in a list are called after their layers.
        keys, words = keys[:-1], words[:-1]
    return keys == words


def described(values: Any) -> str:
    """Return in words what form some targets have.

    Inside of a compiled step arrays are stand-ins, whose types tell a user nothing.

    Example:
        >>> described([1.0, {"a": 2.0}])
        'a list of 2'
    """
    if isinstance(values, dict):
        return f"a dict with {', '.join(map(str, values)) or 'nothing'}"
    if isinstance(values, (list, tuple)):
        return f"a {type(values).__name__} of {len(values)}"
    if hasattr(values, "shape"):
        sizes = ", ".join(["rows", *map(str, values.shape[1:])])
        return f"one array of shape ({sizes})"
    return "none" if values is None else type(values).__name__
