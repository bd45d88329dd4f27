"""The losses of all tasks on a batch."""

from collections.abc import Hashable
from typing import Any

import numpy as np
from keras import ops

from polytask._keras_private import carried_mask
from polytask.training.labeled_loss import LabeledLoss
from polytask.training.step_plan import StepPlan

# Wider outputs take longer to copy than the operations that a stack saves.
_WIDEST = 64


def task_losses(
    plan: StepPlan, outputs: dict[str, Any], y: Any, sample_weight: Any
) -> tuple[Any, Any]:
    """Return the (T,) losses and the (T,) numbers of labeled rows.

    Tasks whose losses and outputs are of one kind are computed as one stack: a loss
    that knows of missing labels takes some fifteen operations, which on 20 tasks would
    make up a tenth of a step.

    Args:
        plan: The step's plan.
        outputs: Task → output.
        y: Task → target.
        sample_weight: Task → weights or None.

    Returns:
        Two float32 tensors.
    """
    cases = []
    for task, loss in zip(plan.graph.tasks, plan.losses, strict=True):
        weight = sample_weight.get(task)
        if weight is not None:
            weight = ops.convert_to_tensor(weight)
        cases.append((loss, ops.convert_to_tensor(y[task]), outputs[task], weight))
    groups: dict[Hashable, list[int]] = {}
    for index, case in enumerate(cases):
        groups.setdefault(_kind(*case) or index, []).append(index)
    by_group = [
        _of_group([cases[index] for index in group]) for group in groups.values()
    ]
    losses, counts = (
        parts[0] if len(parts) == 1 else ops.concatenate(parts)
        for parts in zip(*by_group, strict=True)
    )
    order = [index for group in groups.values() for index in group]
    if order != sorted(order):
        back = np.argsort(order)
        losses, counts = ops.take(losses, back), ops.take(counts, back)
    return losses, counts


def _of_group(cases: list[tuple[LabeledLoss, Any, Any, Any]]) -> tuple[Any, Any]:
    """Return the (n,) losses and counts of n tasks of one kind."""
    losses, targets, outputs, weights = zip(*cases, strict=True)
    loss = losses[0]
    if len(cases) == 1:
        value, count = loss(targets[0], outputs[0], weights[0])
        return ops.expand_dims(value, 0), ops.expand_dims(count, 0)
    stack = None if weights[0] is None else ops.stack(weights)
    target, output = ops.stack(targets), ops.stack(outputs)
    if len(target.shape) < len(output.shape):
        target = ops.expand_dims(target, -1)
    values, counts = loss(target, output, stack, stacked=True)
    return values, counts


def _kind(loss: LabeledLoss, y_true: Any, y_pred: Any, weight: Any) -> Hashable:
    """Return what tasks must have in common to be stacked; None if they cannot be."""
    if loss.kind is None or carried_mask(y_pred) is not None:
        return None
    shape, target = tuple(y_pred.shape), tuple(y_true.shape)
    # Rows may leave out a single column. In sequences that means something else:
    # Keras's losses, unlike its functions, then take the mean over the steps.
    same = target == shape or (target == shape[:1] and shape[1:] == (1,))
    # A size that a graph does not know may differ from task to task.
    if not same or None in shape[1:] or np.prod(shape[1:]) > _WIDEST:
        return None
    weighted = None if weight is None else (tuple(weight.shape), weight.dtype)
    return loss.kind, target, shape, y_true.dtype, y_pred.dtype, weighted
