"""One forward pass: the trunk once, and every head on its copy of the trunk's end."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from polytask._keras_private import added_losses, all_layers, carried_mask
from polytask._types import Tensor
from polytask.optimizers.kept_values import keep_values, put_back_unless
from polytask.training.step_plan import StepPlan


class TrunkResult(NamedTuple):
    """What the trunk computed.

    Attributes:
        boundary: The tensors at its end, in the graph's order.
        masks: Their Keras masks.
        activity: The sum of its activity penalties, or None if it has none.
    """

    boundary: list[Tensor]
    masks: list[Tensor | None]
    activity: Tensor | None


def run_trunk(plan: StepPlan, x: Any) -> TrunkResult:
    """Run the trunk.

    Args:
        plan: The step's plan.
        x: Inputs of the model.
    """
    trunk = plan.graph.trunk
    boundary = keras.tree.flatten(trunk(x, training=True))
    masks = [carried_mask(tensor) for tensor in boundary]
    return TrunkResult(boundary, masks, activity_penalty(trunk))


def run_heads(
    plan: StepPlan,
    trunk: TrunkResult,
    active: Tensor,
    copies: list[list[Tensor]] | None = None,
    before: Callable[[int], None] | None = None,
) -> tuple[dict[str, Tensor], list[Tensor | None]]:
    """Run the heads; a stopped one keeps its statistics.

    Args:
        plan: The step's plan.
        trunk: What the trunk computed.
        active: (T,) 1 where the task trains, 0 where it is stopped.
        copies: For each task its copies of the boundary tensors that gradients flow
            through. Default: these themselves.
        before: Called with the index of a task before its head.

    Returns:
        Task → output, and the sum of each head's activity penalties, or None.
    """
    graph = plan.graph
    outputs, penalties = {}, []
    for task, (name, head) in enumerate(zip(graph.tasks, graph.heads, strict=True)):
        if before is not None:
            before(task)
        boundary = list(trunk.boundary)
        if copies is not None:
            boundary = graph.with_copies(boundary, copies[task])
        kept = keep_values(graph.statistics[name])
        masks = [trunk.masks[i] for i in head.reads]
        outputs[name] = head([boundary[i] for i in head.reads], masks, training=True)
        if kept:
            put_back_unless(active[task] > 0, kept, plan.assign)
        penalties.append(None if head.model is None else activity_penalty(head.model))
    return outputs, penalties


def activity_penalty(model: keras.Model) -> Tensor | None:
    """Return the sum of the losses that a forward pass added, or None.

    `Model.losses` has these too, but computes besides the value of every regularized
    variable, which belongs to no pass and takes longer than its proximal step.
    """
    added = [
        ops.cast(loss, "float32")
        for layer in all_layers(model)
        for loss in added_losses(layer)
    ]
    return sum(added) if added else None
