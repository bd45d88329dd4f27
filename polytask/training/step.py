"""What the train steps of the three backends have in common.

One step, in every backend:

1. the trunk runs once and hands its boundary tensors over, one copy for each head;
2. the heads run on their copies and give the T losses; one backward pass through
   them gives every head's own gradient and, per copy, the task's cotangent;
3. the balancer turns losses (and, where it needs it, the Gramian of the tasks'
   gradients) into weights;
4. the cotangents are pulled back through the trunk: once, already combined, where
   losses are enough; once per task otherwise (see `polytask.training.aggregation`);
5. penalties that have no prox add their gradient, and the optimizer is applied.

In data-parallel training every replica computes its part of each sum over the rows of
the global batch. Losses, counts and the Gramian are those of the global batch, so all
replicas find the weights that one device would find.
"""

from typing import Any

import keras
from keras import ops

from polytask.numeric.namespace import enter, leave, namespace_of
from polytask.optimizers.multi_task_optimizer import GRADIENT
from polytask.training.batch_losses import task_losses
from polytask.training.heads_result import HeadsResult, part_of
from polytask.training.labeled_loss import carried_mask
from polytask.training.replicas import Replicas
from polytask.training.step_plan import StepPlan
from polytask.training.task_gradients import TaskGradients


def run_trunk(plan: StepPlan, x: Any) -> tuple[list[Any], list[Any], Any]:
    """Run the trunk.

    Args:
        plan: The step's plan.
        x: Inputs of the model.

    Returns:
        The boundary tensors, their Keras masks, and the sum of the trunk's activity
        penalties (None if it has none).
    """
    trunk = plan.graph.trunk
    boundary = keras.tree.flatten(trunk(x, training=True))
    return boundary, [carried_mask(t) for t in boundary], activity_penalty(trunk)


def run_head(
    plan: StepPlan, task: int, boundary: list[Any], masks: list[Any], active: Any
) -> tuple[Any, Any]:
    """Run one head on its copy of the boundary; a stopped one keeps its statistics.

    Args:
        plan: The step's plan.
        task: Index of the task.
        boundary: The boundary tensors, in the graph's order.
        masks: Their Keras masks.
        active: (T,) 1 where the task trains, 0 where it is stopped.

    Returns:
        The output, and the sum of the head's activity penalties or None.
    """
    head = plan.graph.heads[task]
    statistics = plan.graph.statistics[plan.graph.tasks[task]]
    kept = [(v, ops.copy(ops.convert_to_tensor(v))) for v in statistics]
    output = head(
        [boundary[i] for i in head.reads], [masks[i] for i in head.reads], True
    )
    for variable, value in kept:
        moved = ops.convert_to_tensor(variable)
        plan.optimizer.plan.assign(variable, ops.where(active[task] > 0, moved, value))
    return output, None if head.model is None else activity_penalty(head.model)


def activity_penalty(model: keras.Model) -> Any:
    """Return the sum of the losses that a forward pass added, or None.

    `Model.losses` has these too, but computes besides the value of every regularized
    variable, which belongs to no pass and takes longer than its proximal step.
    """
    added = [
        ops.cast(loss, "float32")
        for layer in model._flatten_layers()
        for loss in layer._get_own_losses()
    ]
    return sum(added) if added else None


def shared_gradients(
    plan: StepPlan, result: HeadsResult, gradients: TaskGradients
) -> tuple[list[Any], Any]:
    """Balance the tasks' gradients of the shared variables, and note the conflict.

    Args:
        plan: The step's plan.
        result: The heads' result.
        gradients: The tasks' gradients at the trunk's end.

    Returns:
        This replica's part of one gradient for each variable, still scaled, and the
        (T,) weights.
    """
    optimizer = plan.optimizer
    records = plan.balancer.requires == "gramian" or plan.records_gradients
    records = records and plan.num_tasks > 1
    return plan.aggregation(
        result.losses,
        result.counts > 0,
        gradients,
        record=optimizer.record_gradients if records else None,
        recorded=[optimizer.norm_sums, optimizer.pair_sums],
    )


def head_gradient(plan: StepPlan, own: Any, weights: Any, task: int) -> Any:
    """Return the gradient that a head gets.

    Args:
        plan: The step's plan.
        own: The gradient of the head's own task.
        weights: (T,) weights.
        task: Index of the task.

    Returns:
        The gradient.
    """
    return own if plan.own_head_gradients else weights[task] * own


def penalty_value(plan: StepPlan, values: list[Any], counts: Any) -> Any:
    """Return the sum of the penalties that act through their gradient.

    Args:
        plan: The step's plan.
        values: Values of the variables in `plan.penalized`.
        counts: (T,) number of labeled rows.

    Returns:
        Float32 scalar.
    """
    total = ops.zeros((), "float32")
    known = dict(zip(map(id, plan.penalized), values, strict=True))
    for penalty in plan.penalties:
        total = total + penalty.value([known[id(v)] for v in penalty.variables], counts)
    return total


def usable_losses(ops: Any, plan: StepPlan, losses: Any, counts: Any) -> Any:
    """Return, as (T,) bool, which losses allow a step.

    A loss does that if it is finite and in the domain of the balancer; one without a
    label always does.

    Args:
        ops: `keras.ops`, or NumPy under the same names.
        plan: The step's plan.
        losses: (T,) losses.
        counts: (T,) number of labeled rows.
    """
    good = plan.aggregation.balancer.in_domain(ops, losses)
    return good | (counts <= 0)


def all_usable(plan: StepPlan, result: HeadsResult) -> Any:
    """Return whether all losses allow a step."""
    return ops.all(usable_losses(ops, plan, result.losses, result.counts))


def finite_gradients(plan: StepPlan, ends: TaskGradients, gradients: list[Any]) -> Any:
    """Return whether the gradients allow a step.

    Asked only before a proximal step that decomposes a matrix, which does not end well
    with NaN on every backend. Loss scaling has its own way with such a gradient.

    Args:
        plan: The step's plan.
        ends: The tasks' gradients, which know of replicas and sparse forms.
        gradients: This replica's parts of the gradients of all variables.
    """
    if not plan.checks_gradients:
        return True
    # One sum, which one entry that is not finite spoils.
    parts = [ops.sum(ops.cast(ends.dense(g), "float32")) for g in gradients]
    (total,) = ends.replicas.sum([sum(parts)])
    return ops.isfinite(total)


def record_step(plan: StepPlan, result: HeadsResult, weights: Any, finite: Any) -> None:
    """Tell the optimizer which tasks are present, and count a skipped step.

    Args:
        plan: The step's plan.
        result: The heads' result.
        weights: (T,) weights.
        finite: Whether the step is taken.
    """
    optimizer = plan.optimizer
    optimizer.record_weights(weights, finite)
    optimizer.present.assign(ops.cast(result.counts > 0, "float32"))
    small = namespace_of()
    losses, finite = enter(small, result.losses), enter(small, finite)
    counts = enter(small, result.counts)
    bad = small.logical_not(usable_losses(small, plan, losses, counts))
    culprit = small.argmax(small.cast(bad, "int32"))
    cause = small.where(small.any(bad), small.cast(culprit, "float32"), GRADIENT)
    skipped = enter(small, optimizer.skipped)
    total, in_row, last = skipped[0], skipped[1], (skipped[2], skipped[3])
    taken = small.cast(finite, "float32")
    if optimizer.plan.may_fail:
        # The optimizer decides whether the row ends here.
        in_row = in_row + (1.0 - taken)
    else:
        in_row = (in_row + 1.0) * (1.0 - taken)
    # No slice at `culprit`: XLA would compile the step anew for each of its values, and
    # for all that it is computed from.
    first = small.arange(plan.num_tasks) == culprit
    now = (cause, small.sum(small.where(first, losses, small.zeros_like(losses))))
    reason = [small.where(finite, a, b) for a, b in zip(last, now, strict=True)]
    skipped = small.stack([total + (1.0 - taken), in_row, *reason])
    optimizer.skipped.assign(leave(small, skipped))


def losses_again(
    plan: StepPlan, x: Any, y: Any, sample_weight: Any, active: Any, replicas: Replicas
) -> Any:
    """Return the (T,) losses of a batch at the current weights.

    The caller sees to it that random numbers are those of the step, and that batch
    statistics stay as they are.

    Args:
        plan: The step's plan.
        x: Inputs of the model.
        y: Task → target.
        sample_weight: Task → weights or None.
        active: (T,) 1 where the task trains, 0 where it is stopped.
        replicas: The replicas that hold the rest of the batch.
    """
    boundary, masks, _ = run_trunk(plan, x)
    outputs = {
        name: run_head(plan, task, boundary, masks, active)[0]
        for task, name in enumerate(plan.graph.tasks)
    }
    losses, counts = task_losses(plan, outputs, y, sample_weight)
    (totals,) = replicas.sum([counts])
    (plain,) = replicas.sum([part_of(plan, losses, counts, totals)])
    return plain * plan.loss_factors


def updates_made(plan: StepPlan) -> Any:
    """Return how many updates the optimizer made; a copy, as it will go on."""
    return ops.copy(ops.convert_to_tensor(plan.optimizer.iterations))


def learn_from(plan: StepPlan, result: HeadsResult, losses: Any, before: Any) -> None:
    """Tell the balancer the losses of the same batch after the update.

    Args:
        plan: The step's plan.
        result: The heads' result.
        losses: (T,) losses after the update.
        before: `updates_made` before it: where it did not advance, as on the
            micro-steps of gradient accumulation, there is nothing to learn.
    """
    moved = ops.not_equal(updates_made(plan), before)
    plan.balancer.after_step(losses, (result.counts > 0) & moved)
