"""The weights where sharpness-aware minimization takes its gradients."""

import contextlib
from collections.abc import Iterator

from keras import ops

from polytask._types import Tensor
from polytask.optimizers.kept_values import KeptValues, keep_values, put_back
from polytask.training.autodiff import Autodiff
from polytask.training.regularization import SAM
from polytask.training.regularization.training_regularizer import whole_gradients


@contextlib.contextmanager
def at_sharper_weights(
    passes: Autodiff, sam: SAM, statistics: KeptValues
) -> Iterator[None]:
    """Move the weights to where the tasks' summed loss is larger, for a while.

    Inside, random numbers and statistics are those of before the step.

    Args:
        passes: The passes of the step, which ran trunk and heads.
        sam: How far, and in which metric.
        statistics: What the first pass moved, with the values from before.
    """
    plan, model = passes.plan, passes.model
    variables = model.trainable_variables
    gradients = whole_gradients(passes, summed_gradients(passes))
    kept = keep_values(variables)
    free = [ops.not_equal(w, 0) if plan.keeps_zeros(v) else None for v, w in kept]
    moves = sam.perturbation([w for _, w in kept], gradients, free)
    for (variable, value), move in zip(kept, moves, strict=True):
        plan.assign(variable, value + ops.cast(move, value.dtype))
    try:
        with passes.before_the_step(statistics):
            yield
    finally:
        put_back(kept, plan.assign)


def summed_gradients(passes: Autodiff) -> list[Tensor]:
    """Return this replica's part of the gradient of the sum of the tasks' losses.

    Args:
        passes: The passes of the step, which ran trunk and heads.

    Returns:
        One dense tensor for each trainable variable, times the scale of the loss.
    """
    graph = passes.plan.graph
    heads = passes.head_gradients(0)
    gradients = passes.task_gradients(heads, [])
    moved = dict(zip(map(id, graph.shared), gradients.summed(heads), strict=True))
    for task, own in zip(graph.tasks, heads.private, strict=True):
        moved.update(zip(map(id, graph.private[task]), own, strict=True))
    return [
        gradients.dense(moved[id(v)]) if id(v) in moved else ops.zeros(v.shape, v.dtype)
        for v in passes.model.trainable_variables
    ]
