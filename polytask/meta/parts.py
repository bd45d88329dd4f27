"""Which models can be meta-learned, and which of their weights are the heads."""

from typing import Any

from polytask import balancing
from polytask._keras_private import all_layers
from polytask.errors import UserError
from polytask.models.multi_task_model import MultiTaskModel
from polytask.models.recompute_statistics import statistics_layers

#: What the inner loop may move.
PARTS = ("all", "trunk", "head")


def positions(model: Any, part: str) -> tuple[int, ...]:
    """Return the positions of a part's weights among the trainable ones.

    With several tasks that share weights, the heads are the weights of one task alone.
    Otherwise nothing says where a head begins, and it is the last layer: the last
    kernel and what follows it.

    Args:
        model: A compiled `MultiTaskModel`.
        part: One of `PARTS`.

    Raises:
        UserError: If the model has no such weights.
    """
    variables = model.trainable_variables
    every = range(len(variables))
    if part == "all":
        return tuple(every)
    graph = model.step_plan.graph
    if graph.shared:
        own = {id(v) for private in graph.private.values() for v in private}
        in_head = [id(v) in own for v in variables]
    else:
        kernels = [i for i in every if len(variables[i].shape) >= 2]
        in_head = [bool(kernels) and i >= kernels[-1] for i in every]
    chosen = tuple(i for i in every if in_head[i] == (part == "head"))
    if not chosen:
        raise UserError(
            f'The model "{model.name}" has no trainable weights in its {part}, which '
            "the method moves in the inner loop."
        )
    return chosen


def check_model(model: Any) -> None:
    """Refuse a model that the trainer cannot do justice to.

    Args:
        model: What the trainer was given.

    Raises:
        UserError: If it is not compiled, or has something that would not act.
    """
    if not isinstance(model, MultiTaskModel) or not model.compiled:
        raise UserError(
            "Trainer needs a compiled polytask.MultiTaskModel: model.compile(optimizer,"
            f" loss=...); found {type(model).__name__}."
        )
    plan = model.step_plan
    if not isinstance(plan.balancer, balancing.Equal):
        raise UserError(
            'Trainer adds the losses of the tasks, balancer="equal"; the model was '
            f"compiled with {type(plan.balancer).__name__}."
        )
    if plan.aggregation.clip is not None:
        raise UserError(
            "Trainer knows no clip_task_gradients; use the optimizer's clipnorm."
        )
    idle = [type(each).__name__ for each in plan.regularizers]
    idle += [] if plan.mixup is None else [type(plan.mixup).__name__]
    idle += [type(penalty.layer).__name__ for penalty in plan.graph.joint]
    idle += [
        f"the activity_regularizer of {layer.name}"
        for layer in all_layers(model)
        if layer.activity_regularizer is not None
    ]
    if idle:
        raise UserError(
            f"Trainer makes steps of its own, in which {idle[0]} would not act; do "
            "without it."
        )
    layers = [layer.name for layer in statistics_layers(model)]
    if layers:
        raise UserError(
            f"The layer {layers[0]} keeps statistics of its batches, which episodes of "
            "different tasks do not have in common. Use LayerNormalization or "
            "GroupNormalization."
        )
