"""The train step, written once.

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

from polytask._keras_private import micro_steps
from polytask._types import Tensor
from polytask.numeric.namespace import concrete
from polytask.optimizers.kept_values import KeptValues, keep_values
from polytask.training.autodiff import Autodiff
from polytask.training.batch import Batch
from polytask.training.class_weights import weighed_by_class
from polytask.training.consistent_heads import consistent_heads
from polytask.training.forward import TrunkResult, run_heads, run_trunk
from polytask.training.heads_result import (
    HeadsResult,
    part_of,
    with_terms,
)
from polytask.training.objective import batch_of, log_step, training_loss
from polytask.training.sharper_weights import (
    at_sharper_weights,
    gradients_by_task,
    summed_gradients,
)
from polytask.training.step_plan import StepPlan
from polytask.training.task_gradients import TaskGradients
from polytask.training.usable_step import all_usable, finite_gradients, record_step


def take_step(passes: Autodiff, data: Any) -> dict[str, Any]:
    """Make one update.

    Args:
        passes: The backend's passes, made for this step.
        data: `(x, y)` or `(x, y, sample_weight)`.

    Returns:
        The logs.
    """
    plan = passes.plan
    batch = weighed_by_class(plan, batch_of(plan, data))
    if plan.mixup is not None:
        batch = plan.mixup.mix(batch)
    for regularizer in plan.regularizers:
        batch = regularizer.prepare(passes, batch)
    if plan.mixup is None or batch.mixing is None:
        return step_on(passes, batch)
    with plan.mixup.inside(batch.mixing):
        return step_on(passes, batch)


def step_on(passes: Autodiff, batch: Batch) -> dict[str, Any]:
    """Make one update on a batch as it is.

    Args:
        passes: The backend's passes, made for this step.
        batch: The rows.

    Returns:
        The logs.
    """
    plan, model = passes.plan, passes.model
    statistics = keep_values(model.non_trainable_variables)
    state = keep_values(plan.balancing_state)

    trunk = passes.trunk(batch.x)
    heads = passes.heads(trunk, batch)
    taken = all_usable(plan, heads)
    known = concrete(taken)
    if known is None or known:
        sam = plan.sam
        if sam is None or sam.per_task:
            apart = None
            if sam is not None:
                apart = gradients_by_task(passes, sam, batch, statistics)
            moved, weights, by_task = data_gradients(
                passes, trunk, batch, heads, heads.losses, statistics, apart
            )
        else:
            summed = summed_gradients(passes)
            with at_sharper_weights(passes, sam, statistics, summed):
                again = passes.again()
                there = again.trunk(batch.x)
                moved, weights, by_task = data_gradients(
                    again,
                    there,
                    batch,
                    again.heads(there, batch),
                    heads.losses,
                    statistics,
                )
        gradients = with_penalties(passes, moved, heads, by_task)
        if plan.regularizers:
            gradients = list(map(by_task.dense, gradients))
        for regularizer in plan.regularizers:
            more = regularizer.penalty_gradients(passes, batch, heads)
            if more is not None:
                gradients = added(by_task, gradients, more)
        for regularizer in plan.regularizers:
            gradients = regularizer.of_gradients(passes, gradients)
        # Loss scaling has its own way with a gradient that is not finite.
        if not isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
            taken = taken & finite_gradients(by_task, gradients)
    else:
        # Where steps run eagerly, losses that allow no step are not balanced either.
        weights, gradients = ops.zeros_like(heads.losses), []
    loss = training_loss(model, heads, trunk.activity, passes.replicas)
    record_step(plan, heads, weights, taken)

    def update() -> None:
        before = updates_made(plan)
        apply_where_labeled(passes, heads, gradients)
        for regularizer in plan.regularizers:
            regularizer.after_update(passes, ops.not_equal(updates_made(plan), before))
        if plan.balancer.needs_next_losses:
            with passes.before_the_step(statistics):
                losses = losses_again(passes, batch)
            learn_from(plan, heads, losses, before)

    passes.commit(taken, update, statistics + state)
    return log_step(model, batch, heads, loss, taken)


def apply_where_labeled(
    passes: Autodiff, heads: HeadsResult, gradients: list[Tensor]
) -> None:
    """Let the optimizer make the update, unless no task is there.

    Then nothing moves: a zero gradient would still decay weights, and go on along the
    momentum. The update counts all the same, for a schedule of the learning rate.

    Args:
        passes: The backend's passes.
        heads: What the heads computed.
        gradients: This replica's part of the gradient of each trainable variable.
    """
    inner = passes.plan.optimizer.inner_optimizer
    some = ops.any(heads.counts > 0)
    known = concrete(some)
    # Of an update from several batches, earlier ones may have had labels.
    if inner.gradient_accumulation_steps or (known is not None and known):
        passes.apply(gradients)
        return
    passes.commit(some, lambda: passes.apply(gradients), [])
    steps = micro_steps(inner)
    rested = ops.cast(ops.logical_not(some), steps.dtype)
    passes.plan.assign(steps, ops.convert_to_tensor(steps) + rested)


def task_gradients(passes: Autodiff, heads: HeadsResult) -> TaskGradients:
    """Return the tasks' gradients at the trunk's end."""
    halves = range(1, 1 + len(heads.halves))
    return passes.task_gradients(
        passes.head_gradients(0),
        [passes.head_gradients(half, private=False) for half in halves],
    )


def data_gradients(
    passes: Autodiff,
    trunk: TrunkResult,
    batch: Batch,
    heads: HeadsResult,
    losses: Tensor,
    statistics: KeptValues,
    gradients: TaskGradients | None = None,
) -> tuple[dict[int, Tensor], Tensor, TaskGradients]:
    """Put together what moves each variable: its own task, or the balanced tasks.

    Args:
        passes: The backend's passes.
        trunk: What the trunk computed.
        batch: The rows.
        heads: What the heads computed.
        losses: (T,) losses that the balancer reads.
        statistics: What the step moved so far, with the values from before it.
        gradients: The tasks' gradients, where they are not those of the passes.

    Returns:
        id of a variable → this replica's part of its gradient, still scaled; the (T,)
        weights of the balancer; and the tasks' gradients at the trunk's end.
    """
    plan, graph = passes.plan, passes.plan.graph
    gradients = gradients or task_gradients(passes, heads)
    shared, weights = plan.aggregation(
        losses,
        heads.counts > 0,
        gradients,
        record=plan.optimizer.record_gradients if plan.records else None,
        recorded=plan.recorded,
    )
    private = list(gradients.heads.private)
    if not plan.own_head_gradients:
        private = [
            [weights[task] * gradients.dense(gradient) for gradient in own]
            for task, own in enumerate(private)
        ]
    if plan.balancer.consistency:
        private = consistent_heads(
            passes, trunk, batch, heads, gradients, weights, private, statistics
        )
    if heads.joint is not None:
        joint = passes.head_gradients(-1)
        shared = added(gradients, shared, gradients.summed(joint))
        private = [
            added(gradients, own, more)
            for own, more in zip(private, joint.private, strict=True)
        ]
    if trunk.activity is not None:
        part = passes.scale / passes.replicas.count
        shared = added(gradients, shared, passes.activity_gradient(part))
    moved = dict(zip(map(id, graph.shared), shared, strict=True))
    for task, own in zip(graph.tasks, private, strict=True):
        moved.update(zip(map(id, graph.private[task]), own, strict=True))
    return moved, weights, gradients


def with_penalties(
    passes: Autodiff,
    moved: dict[int, Tensor],
    heads: HeadsResult,
    gradients: TaskGradients,
) -> list[Tensor]:
    """Add the gradients of the penalties that have no prox.

    Args:
        passes: The backend's passes.
        moved: id of a variable → its gradient from the data.
        heads: What the heads computed.
        gradients: The tasks' gradients, which know of sparse forms.

    Returns:
        This replica's part of one gradient for each trainable variable of the model,
        still scaled.
    """
    plan, moved = passes.plan, dict(moved)
    if plan.penalties:
        part = passes.scale / passes.replicas.count
        slopes = passes.gradient(
            lambda values: penalty_value(plan, values, heads.counts) * part,
            plan.penalized,
        )
        for variable, slope in zip(plan.penalized, slopes, strict=True):
            known = moved.get(id(variable))
            if known is not None:
                (slope,) = added(gradients, [known], [slope])
            moved[id(variable)] = slope
    return [
        moved[id(v)] if id(v) in moved else ops.zeros(v.shape, v.dtype)
        for v in passes.model.trainable_variables
    ]


def added(
    gradients: TaskGradients, sums: list[Tensor], more: list[Tensor]
) -> list[Tensor]:
    """Return the sums of two lists of gradients, in dense form."""
    dense = gradients.dense
    return [dense(a) + dense(b) for a, b in zip(sums, more, strict=True)]


def penalty_value(plan: StepPlan, values: list[Tensor], counts: Tensor) -> Tensor:
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


def losses_again(passes: Autodiff, batch: Batch) -> Tensor:
    """Return the (T,) losses of a batch at the current weights.

    Args:
        passes: The backend's passes.
        batch: The rows.
    """
    plan, replicas = passes.plan, passes.replicas
    outputs, _ = run_heads(plan, run_trunk(plan, batch.x), passes.active)
    losses, counts = passes.losses(outputs, batch)
    (totals,) = replicas.sum([counts])
    plain = part_of(plan, losses, counts, totals)
    whole, _ = with_terms(plan, outputs, batch, plain, totals, replicas)
    (summed,) = replicas.sum([whole])
    return summed * plan.loss_factors


def updates_made(plan: StepPlan) -> Tensor:
    """Return how many updates the optimizer made; a copy, as it will go on."""
    return ops.copy(ops.convert_to_tensor(plan.optimizer.iterations))


def learn_from(
    plan: StepPlan, heads: HeadsResult, losses: Tensor, before: Tensor
) -> None:
    """Tell the balancer the losses of the same batch after the update.

    Args:
        plan: The step's plan.
        heads: What the heads computed.
        losses: (T,) losses after the update.
        before: `updates_made` before it: where it did not advance, as on the
            micro-steps of gradient accumulation, there is nothing to learn.
    """
    moved = ops.not_equal(updates_made(plan), before)
    plan.balancer.after_step(losses, (heads.counts > 0) & moved)
