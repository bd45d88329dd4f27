"""Heads that learn to want from the representation what all tasks want."""

from typing import Any

from keras import ops

from polytask._types import Tensor
from polytask.optimizers.kept_values import KeptValues
from polytask.training.autodiff import Autodiff
from polytask.training.batch import Batch
from polytask.training.forward import TrunkResult, run_heads
from polytask.training.heads_result import HeadsResult, part_of
from polytask.training.task_gradients import TaskGradients

#: The longest change of a head's gradient, as a share of that gradient's length.
MOST_CHANGED = 0.1


def consistent_heads(
    passes: Autodiff,
    trunk: TrunkResult,
    batch: Batch,
    heads: HeadsResult,
    gradients: TaskGradients,
    weights: Tensor,
    private: list[list[Tensor]],
    statistics: KeptValues,
) -> list[list[Tensor]]:
    """Turn each head so that its task's gradient follows the common one.

    With z the representation, task i's head gets the gradient of
    -λ <∂l_i/∂z, d> more, where d = Σ_j w_j ∂l_j/∂z is held still: a derivative of
    second order through the head alone, clipped to a tenth of the head's own gradient.

    Args:
        passes: The passes of the step, which ran trunk and heads.
        trunk: What the trunk computed; it ends in one tensor.
        batch: The rows.
        heads: What the heads computed.
        gradients: The tasks' gradients at the trunk's end.
        weights: (T,) weights of the balancer.
        private: This replica's parts of the heads' gradients, scaled, for each task.
        statistics: What the step moved so far, with the values from before it.

    Returns:
        As `private`.

    Source:
        Qin et al. (2025), Towards consistent multi-task learning: unlocking the
        potential of task-specific parameters.
    """
    plan, graph = passes.plan, passes.plan.graph
    strength = plan.balancer.consistency
    (common,) = gradients.weighted(weights, gradients.heads.cotangents)
    common = ops.stop_gradient(ops.cast(common, "float32"))

    def losses(end: Tensor) -> list[Tensor]:
        copies = [[end] for _ in graph.tasks]
        outputs, _ = run_heads(plan, trunk, passes.active, copies)
        values, counts = passes.losses(outputs, batch)
        parts = part_of(plan, values, counts, heads.labeled)
        parts = ops.where(passes.active > 0, parts, 0.0) * plan.loss_factors
        return list(ops.unstack(parts * passes.scale))

    def disagreement(slopes: list[Tensor]) -> Tensor:
        agreed = sum(ops.sum(ops.cast(s, "float32") * common) for s in slopes)
        return -strength * agreed / passes.scale

    (position,) = graph.live
    with passes.before_the_step(statistics):
        slopes = passes.slope_gradient(losses, disagreement, trunk.boundary[position])
    found = dict(zip(map(id, passes.model.trainable_variables), slopes, strict=True))
    return [
        _changed(own, [found[id(v)] for v in graph.private[task]], gradients)
        for task, own in zip(graph.tasks, private, strict=True)
    ]


def _changed(
    own: list[Tensor], more: list[Tensor], gradients: TaskGradients
) -> list[Tensor]:
    """Return the sums of a head's gradient and of its change, which is clipped."""
    own, more = list(map(gradients.dense, own)), list(map(gradients.dense, more))
    longest = MOST_CHANGED * _norm(gradients.replicas.sum(own))
    length = _norm(gradients.replicas.sum(more))
    factor = ops.where(length > longest, longest / length, 1.0)
    return [a + ops.cast(factor, b.dtype) * b for a, b in zip(own, more, strict=True)]


def _norm(parts: list[Any]) -> Tensor:
    squares = [ops.sum(ops.square(ops.cast(part, "float32"))) for part in parts]
    return ops.sqrt(sum(squares, ops.zeros(())))
