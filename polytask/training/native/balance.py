"""What the native entry points of the three frameworks have in common."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from polytask import balancing
from polytask.balancing import Balancer
from polytask.errors import UserError
from polytask.training.aggregation import (
    Aggregation,
    check_aggregation,
    keeps_rows,
)


def prepared(
    balancer: Any, tasks: list[str], shapes: list[tuple[int, ...]], backend: str
) -> Balancer:
    """Return a built balancer for these tasks.

    Args:
        balancer: A name or a `polytask.balancing.Balancer`.
        tasks: Names of the tasks.
        shapes: Shapes of the shared parameters.
        backend: The Keras backend that the caller belongs to.

    Returns:
        The balancer.

    Raises:
        UserError: If Keras runs on another backend, or nothing is shared.
    """
    if keras.backend.backend() != backend:
        raise UserError(
            f'Keras runs on the backend "{keras.backend.backend()}", but this function '
            f'is for "{backend}". Set KERAS_BACKEND={backend} before Python starts.'
        )
    chosen = balancing.get(balancer) or balancing.get("equal")
    assert chosen is not None
    if not shapes and chosen.requires != "losses":
        raise UserError(
            f"{type(chosen).__name__} balances the gradients of shared parameters; "
            "none were given."
        )
    chosen.build(len(tasks), tuple(tasks), tuple(shapes))
    return chosen


def check_heads(
    tasks: list[str], shared: Iterable[Any], heads: Mapping[str, Iterable[Any]]
) -> None:
    """Check that each head is one of a task, and holds nothing that is shared.

    Args:
        tasks: Names of the tasks.
        shared: The parameters that all tasks share.
        heads: Task → the parameters that belong to it alone.

    Raises:
        UserError: If a task has no loss, so that its head would get no gradient, or a
            shared parameter is in a head and would get two.
    """
    unknown = sorted(set(heads) - set(tasks))
    if unknown:
        raise UserError(
            f"heads names tasks without a loss: {', '.join(unknown)}. Tasks: "
            f"{', '.join(tasks)}."
        )
    known = {id(parameter) for parameter in shared}
    for task, parameters in heads.items():
        twice = [p for p in parameters if id(p) in known]
        if twice:
            raise UserError(
                f'heads["{task}"] holds a parameter of shape {tuple(twice[0].shape)} '
                "that is in `shared` too. Leave it in `shared` alone."
            )


def aggregation(
    balancer: Balancer,
    shapes: list[tuple[int, ...]],
    jacobian: str,
    clip_task_gradients: float | None,
    *,
    has_representation: bool,
    has_halves: bool,
) -> Aggregation:
    """Return how the gradients are combined.

    Args:
        balancer: A built balancer.
        shapes: Shapes of the shared parameters.
        jacobian: "auto", "full" or "one_row".
        clip_task_gradients: The largest norm of a task's gradient, or None.
        has_representation: Whether the place where the shared part ends is known.
        has_halves: Whether losses of two halves of the batch are given.

    Returns:
        The aggregation.

    Raises:
        UserError: If the options do not go together, or something is missing.
    """
    name = type(balancer).__name__
    check_aggregation(balancer, jacobian, clip_task_gradients, tied=False)
    if balancer.on == "representation" and not has_representation:
        raise UserError(
            f'{name} with on="representation" needs to know where the shared part '
            'ends: pass that place, or use on="shared".'
        )
    if balancer.cross_batch and not has_halves:
        raise UserError(
            f"{name} compares the gradients of two independent halves of the batch: "
            "pass their losses as `halves`."
        )
    assert balancer.num_tasks is not None
    size = sum(math.prod(shape) for shape in shapes)
    keep = keeps_rows(jacobian, balancer.num_tasks, size)
    return Aggregation(balancer, keep, clip_task_gradients)
