"""Whether a step is taken, and the record of one that is not."""

from typing import Any

from keras import ops

from polytask._types import Tensor
from polytask.numeric.namespace import enter, leave, namespace_of
from polytask.optimizers.multi_task_optimizer import GRADIENT
from polytask.training.heads_result import HeadsResult
from polytask.training.step_plan import StepPlan
from polytask.training.task_gradients import TaskGradients


def usable_losses(ops: Any, plan: StepPlan, losses: Tensor, counts: Tensor) -> Tensor:
    """Return, as (T,) bool, which losses allow a step.

    A loss does that if it is finite and in the domain of the balancer; one without a
    label always does.

    Args:
        ops: `keras.ops`, or NumPy under the same names.
        plan: The step's plan.
        losses: (T,) losses.
        counts: (T,) number of labeled rows.
    """
    return plan.balancer.in_domain(ops, losses) | (counts <= 0)


def all_usable(plan: StepPlan, heads: HeadsResult) -> Tensor:
    """Return whether all losses allow a step."""
    return ops.all(usable_losses(ops, plan, heads.losses, heads.counts))


def finite_gradients(ends: TaskGradients, gradients: list[Tensor]) -> Tensor:
    """Return whether the gradients allow a step.

    They may not be finite where all losses are, as with an infinite input of a
    saturated unit.

    Args:
        ends: The tasks' gradients, which know of replicas and sparse forms.
        gradients: This replica's parts of the gradients of all variables.
    """
    (total,) = ends.replicas.sum([ends.check_sum(gradients)])
    return ops.isfinite(total)


def record_step(
    plan: StepPlan, heads: HeadsResult, weights: Tensor, taken: Tensor
) -> None:
    """Tell the optimizer which tasks are present, and count a skipped step.

    Args:
        plan: The step's plan.
        heads: What the heads computed.
        weights: (T,) weights.
        taken: Whether the step is taken.
    """
    optimizer = plan.optimizer
    optimizer.record_weights(weights, taken)
    optimizer.present.assign(ops.cast(heads.counts > 0, "float32"))
    small = namespace_of()
    losses, taken = enter(small, heads.losses), enter(small, taken)
    counts = enter(small, heads.counts)
    bad = small.logical_not(usable_losses(small, plan, losses, counts))
    culprit = small.argmax(small.cast(bad, "int32"))
    cause = small.where(small.any(bad), small.cast(culprit, "float32"), GRADIENT)
    skipped = enter(small, optimizer.skipped)
    total, in_row, last = skipped[0], skipped[1], (skipped[2], skipped[3])
    one = small.cast(taken, "float32")
    if optimizer.rules.may_fail:
        # The optimizer decides whether the row ends here.
        in_row = in_row + (1.0 - one)
    else:
        in_row = (in_row + 1.0) * (1.0 - one)
    # No slice at `culprit`: XLA would compile the step anew for each of its values, and
    # for all that it is computed from.
    first = small.arange(plan.num_tasks) == culprit
    now = (cause, small.sum(small.where(first, losses, small.zeros_like(losses))))
    reason = [small.where(taken, a, b) for a, b in zip(last, now, strict=True)]
    skipped = small.stack([total + (1.0 - one), in_row, *reason])
    optimizer.skipped.assign(leave(small, skipped))
