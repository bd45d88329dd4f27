"""Kernels of a task structure by their paths, as a saved model names them."""

from collections import Counter
from typing import Any

import keras

from polytask.errors import UserError, nearest


def with_paths(task_structure: Any) -> Any:
    """Return the `task_structure` of `compile` with each kernel replaced by its path.

    Args:
        task_structure: A task structure, a list of pairs, or None.

    Returns:
        The same in a form that can be saved.
    """
    if not isinstance(task_structure, (list, tuple)):
        return task_structure
    return [
        (structure, [getattr(k, "path", k) for k in as_list(kernels)])
        for structure, kernels in task_structure
    ]


def as_list(kernels: Any) -> list[Any]:
    """Return the kernels that one pair of a `task_structure` names.

    Args:
        kernels: Variables or paths, one of them alone, or None.

    Returns:
        A list; empty where none are named.
    """
    if kernels is None:
        return []
    one = isinstance(kernels, (str, keras.Variable))
    return [kernels] if one else list(kernels)


def resolve_kernels(model: keras.Model, kernels: list[Any]) -> list[keras.Variable]:
    """Return the variables that a user or a saved model names.

    Args:
        model: The model.
        kernels: Variables of the model, or their paths.

    Returns:
        The variables.

    Raises:
        UserError: If one is no trainable variable of the model, or a path belongs to
            several.
    """
    trainable = model.trainable_variables
    known = {id(v) for v in trainable}
    by_path = {v.path: v for v in trainable}
    shared = {path for path, n in Counter(v.path for v in trainable).items() if n > 1}
    chosen = []
    for kernel in kernels:
        path = kernel if isinstance(kernel, str) else getattr(kernel, "path", None)
        if path in shared:
            raise UserError(
                f'task_structure: several variables have the path "{path}", so a saved '
                "model could not tell them apart. Give their layers different names."
            )
        named = isinstance(kernel, str) and kernel in by_path
        if not named and id(kernel) not in known:
            raise UserError(
                f"task_structure: found {_shown(kernel)}, which is no trainable "
                f"variable of the model.{nearest(str(path), by_path)} Known: "
                f"{', '.join(by_path)}."
            )
        chosen.append(by_path[kernel] if named else kernel)
    return chosen


def _shown(kernel: Any) -> str:
    path = getattr(kernel, "path", None)
    return repr(kernel) if path is None else f'the variable "{path}"'
