"""The weights where sharpness-aware minimization takes its gradients."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from keras import ops

from polytask._types import Tensor, Variable
from polytask.optimizers.kept_values import KeptValues, keep_values, put_back
from polytask.training.autodiff import Autodiff
from polytask.training.batch import Batch
from polytask.training.regularization import SAM
from polytask.training.regularization.training_regularizer import whole_gradients
from polytask.training.task_gradients import (
    Cotangent,
    HeadGradients,
    TaskGradients,
    combine,
    gramian,
)


@contextlib.contextmanager
def at_sharper_weights(
    passes: Autodiff, sam: SAM, statistics: KeptValues, gradients: list[Tensor]
) -> Iterator[None]:
    """Move the weights to where a loss is larger, for a while.

    Inside, random numbers and statistics are those of before the step.

    Args:
        passes: The passes of the step, which ran trunk and heads.
        sam: How far, and in which metric.
        statistics: What the first pass moved, with the values from before.
        gradients: This replica's part of the gradient of the loss, for each trainable
            variable, dense, times the scale of the loss.
    """
    plan = passes.plan
    kept = keep_values(passes.model.trainable_variables)
    free = [ops.not_equal(w, 0) if plan.keeps_zeros(v) else None for v, w in kept]
    whole = whole_gradients(passes, gradients)
    moves = sam.perturbation([w for _, w in kept], whole, free)
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
    return _of_all_variables(passes, moved, gradients.dense)


def gradients_by_task(
    passes: Autodiff, sam: SAM, batch: Batch, statistics: KeptValues
) -> TaskGradients:
    """Return each task's gradient from where its own loss is larger.

    Args:
        passes: The passes of the step, which ran trunk and heads.
        sam: How far, and in which metric.
        batch: The rows.
        statistics: What the first pass moved, with the values from before.
    """
    graph = passes.plan.graph
    heads = passes.head_gradients(0)
    here = passes.task_gradients(heads, [])
    rows = here.rows()
    cotangents: list[Cotangent] = []
    private: list[list[Tensor]] = []
    sharper: list[list[Tensor]] = []
    for index, task in enumerate(graph.tasks):
        moved = {id(v): r[index] for v, r in zip(graph.shared, rows, strict=True)}
        own = zip(graph.private[task], heads.private[index], strict=True)
        moved.update((id(v), g) for v, g in own)
        slopes = _of_all_variables(passes, moved, here.dense)
        with at_sharper_weights(passes, sam, statistics, slopes):
            again = passes.again()
            again.heads(again.trunk(batch.x), batch)
            there = again.head_gradients(0)
            ends = again.task_gradients(there, [])
            tied = there.tied[index] if there.tied else []
            pulled = ends.gradient(there.cotangents[index], tied)
            sharper.append(list(map(ends.dense, pulled)))
        cotangents.append(there.cotangents[index])
        private.append(there.private[index])
    stacks = [ops.stack(row) for row in zip(*sharper, strict=True)]
    return SharperGradients(here, HeadGradients(cotangents, private), stacks)


class SharperGradients(TaskGradients):
    """The tasks' gradients, each from weights of its own.

    Args:
        here: The gradients at the weights that are trained.
        heads: What the heads of the tasks gave, each at its own weights.
        stacks: For each shared variable, the (T, ...) stack of the gradients.
    """

    def __init__(
        self, here: TaskGradients, heads: HeadGradients, stacks: list[Any]
    ) -> None:
        super().__init__(heads, here.tied_at, here.scale, here.replicas)
        self.here, self.stacks = here, stacks

    def rows(self, half: int | None = None) -> list[Any]:
        """Return the stacks."""
        return list(self.stacks)

    def combined(self, weights: Any) -> list[Any]:
        """Return the weighted sum of the tasks' gradients."""
        return combine(self.stacks, weights)

    def products_one_row_at_a_time(
        self, left: int | None = None, right: int | None = None
    ) -> Any:
        """Return the tasks' inner products; the rows are there."""
        return gramian(self.replicas.sum(self.stacks))

    def pull_back(self, cotangent: Cotangent) -> list[Any]:
        """Return one gradient for each shared variable, at the weights trained."""
        return self.here.pull_back(cotangent)

    def push_forward(self, direction: list[Any]) -> Cotangent:
        """Return how the trunk's end moves, at the weights trained."""
        return self.here.push_forward(direction)

    def each(self, function: Callable[..., Tensor], *items: Sequence[Any]) -> Tensor:
        """See `TaskGradients.each`."""
        return self.here.each(function, *items)

    def choose(
        self,
        condition: Any,
        then: Callable[[], Any],
        otherwise: Callable[[], Any],
        variables: list[Variable],
    ) -> Any:
        """See `TaskGradients.choose`."""
        return self.here.choose(condition, then, otherwise, variables)

    def dense(self, gradient: Any) -> Any:
        """See `TaskGradients.dense`."""
        return self.here.dense(gradient)


def _of_all_variables(
    passes: Autodiff, moved: dict[int, Any], dense: Callable[[Any], Tensor]
) -> list[Tensor]:
    """Return a dense gradient for each trainable variable, zeros where there is none.

    Args:
        passes: The passes of the step.
        moved: id of a variable → its gradient.
        dense: From a gradient to a tensor.
    """
    return [
        dense(moved[id(v)]) if id(v) in moved else ops.zeros(v.shape, v.dtype)
        for v in passes.model.trainable_variables
    ]
