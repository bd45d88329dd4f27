"""Balanced gradients for `tf.GradientTape` loops."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from polytask.balancing import Balancer
from polytask.training.native.balance import combined, prepared
from polytask.training.step import weighted


def multitask_gradients(
    tape: tf.GradientTape,
    losses: Mapping[str, Any],
    shared: Sequence[tf.Variable],
    heads: Mapping[str, Sequence[tf.Variable]] | None = None,
    *,
    balancer: str | Balancer = "equal",
    representation: Any = None,
    present: Any = None,
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

    Returns:
        One gradient for each shared variable, and for each task those of its head.

    Raises:
        UserError: If Keras does not run on TensorFlow, or nothing is shared.

    Example:
        >>> import tensorflow as tf
        >>> w = tf.Variable([1.0, 2.0])
        >>> with tf.GradientTape(persistent=True) as tape:
        ...     losses = {"a": tf.reduce_sum(w**2), "b": tf.reduce_sum((w - 1) ** 2)}
        >>> (gradient,), _ = multitask_gradients(tape, losses, [w], balancer="mgda")
    """
    tasks = list(losses)
    variables = list(shared)
    shapes = [tuple(v.shape) for v in variables]
    chosen = prepared(balancer, tasks, shapes, "tensorflow")
    values = tf.stack([losses[task] for task in tasks])
    own = {
        task: _gradients(tape, losses[task], list((heads or {}).get(task, ())))
        for task in tasks
    }
    through = variables if representation is None else [representation]
    slopes = [_gradients(tape, losses[task], through) for task in tasks]
    if representation is not None:
        if chosen.requires == "losses":
            weights = chosen.weights(values, None, present)
            (cotangent,) = weighted(weights, slopes)
            return _gradients(tape, representation, variables, cotangent), own
        slopes = [
            _gradients(tape, representation, variables, slope[0]) for slope in slopes
        ]
    rows = [tf.stack(list(row)) for row in zip(*slopes, strict=True)]
    direction, _ = combined(chosen, values, rows, present)
    return direction, own


def _gradients(
    tape: tf.GradientTape, target: Any, sources: list[Any], cotangent: Any = None
) -> list[Any]:
    gradients: list[Any] = tape.gradient(
        target,
        sources,
        output_gradients=cotangent,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    return [tf.convert_to_tensor(gradient) for gradient in gradients]
