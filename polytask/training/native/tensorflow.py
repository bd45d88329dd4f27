"""Balanced gradients for `tf.GradientTape` loops."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from polytask.balancing import Balancer
from polytask.training.autodiff_tensorflow import (
    TensorFlowGradients,
    gradients,
)
from polytask.training.native.balance import aggregation, check_heads, prepared
from polytask.training.replicas_tensorflow import dense
from polytask.training.task_gradients import HeadGradients


def multitask_gradients(
    tape: tf.GradientTape,
    losses: Mapping[str, Any],
    shared: Sequence[tf.Variable],
    heads: Mapping[str, Sequence[tf.Variable]] | None = None,
    *,
    balancer: str | Balancer = "equal",
    representation: Any = None,
    present: Any = None,
    halves: Sequence[Mapping[str, Any]] | None = None,
    jacobian: str = "auto",
    clip_task_gradients: float | None = None,
) -> tuple[list[Any], dict[str, list[Any]]]:
    """Do what `tape.gradient(sum(losses), ...)` does, with balanced shared gradients.

    Works eagerly and inside a `tf.function`.

    Args:
        tape: A persistent tape that recorded the losses.
        losses: Task → scalar loss. All from one forward pass.
        shared: The variables that all tasks share.
        heads: Task → the variables that belong to it alone; they get their own task's
            gradient, unweighted.
        balancer: Name or `polytask.balancing.Balancer`. Make it once, outside of the
            `tf.function`, if it has state.
        representation: The tensor at which the shared part ends; see
            `polytask.training.native.torch.multitask_backward`.
        present: (T,) bool: false for a task without a label in this batch.
        halves: Two mappings task → scalar loss, of two disjoint halves of the rows, for
            a balancer that compares them (`modo`, `sdmgrad`, `auto_lambda`).
        jacobian: As in `MultiTaskModel.compile`.
        clip_task_gradients: As in `MultiTaskModel.compile`.

    Returns:
        One gradient for each shared variable, and for each task those of its head.

    Raises:
        UserError: If Keras does not run on TensorFlow, nothing is shared, a head is of
            no task, or a variable is shared and in a head.

    Example:
        >>> import tensorflow as tf
        >>> w = tf.Variable([1.0, 2.0])
        >>> with tf.GradientTape(persistent=True) as tape:
        ...     losses = {"a": tf.reduce_sum(w**2), "b": tf.reduce_sum((w - 1) ** 2)}
        >>> (gradient,), _ = multitask_gradients(tape, losses, [w], balancer="mgda")
    """
    tasks = list(losses)
    variables = list(shared)
    check_heads(tasks, variables, heads or {})
    shapes = [tuple(v.shape) for v in variables]
    chosen = prepared(balancer, tasks, shapes, "tensorflow")
    aggregate = aggregation(
        chosen,
        shapes,
        jacobian,
        clip_task_gradients,
        has_representation=representation is not None,
        has_halves=halves is not None,
    )
    values = tf.stack([losses[task] for task in tasks])
    own, slopes = {}, []
    ends = [] if representation is None else [representation]
    for task in tasks:
        sources = [ends, list((heads or {}).get(task, ()))]
        at_the_end, of_head = gradients(tape, losses[task], sources)
        slopes.append(at_the_end)
        own[task] = list(map(dense, of_head))
    groups = [losses, *(halves or ())]
    # Where the place is not known, the losses themselves are the ends.
    through = ends or [group[task] for group in groups for task in tasks]

    def cotangents(group: int) -> list[list[Any]]:
        if ends:
            return [gradients(tape, groups[group][task], ends) for task in tasks]
        one = tf.ones(())
        return [
            [one if i == place else None for i in range(len(through))]
            for place in range(group * len(tasks), (group + 1) * len(tasks))
        ]

    ways = TensorFlowGradients(
        tape,
        through,
        variables,
        HeadGradients(slopes if ends else cotangents(0)),
        halves=[HeadGradients(cotangents(group)) for group in range(1, len(groups))],
    )
    there = tf.ones_like(values, bool) if present is None else present
    direction, _ = aggregate(values, there, ways)
    return list(map(dense, direction)), own
