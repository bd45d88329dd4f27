"""Losses that change little with the inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras import ops

from polytask._export import polytask_export
from polytask._types import Tensor
from polytask.training.regularization.moved_input import outputs_at
from polytask.training.regularization.slope_penalty import SlopePenalty


@polytask_export("polytask.training.InputGradientPenalty")
class InputGradientPenalty(SlopePenalty):
    """Adds (a/2) ‖∂l/∂x‖² of each task's loss l, a mean over its labeled rows.

    The gradient is differentiated once more, which is called double backpropagation. It
    is that of the network as it predicts, without dropout and with moving statistics,
    in which no row depends on another. Like a penalty on weights it acts after
    balancing, and a task without a label in the batch has none; the loss in the history
    leaves it out. A step costs two backward passes more for each task.

    A one-hot code does not change by little: name the columns that do.

    Args:
        strength: a, at least 0, or a dict from task to a, 0 for those left out.
            Default: 0.01.
        columns: Indices of the columns of the input that count; None for all.

    Raises:
        UserError: If a strength is out of range, or, in `compile`, the model has
            several inputs or one of integers, or no task of a name.

    Source:
        Drucker and LeCun, "Improving generalization performance using double
        backpropagation", IEEE Transactions on Neural Networks 1992.

    Example:
        >>> InputGradientPenalty(0.1)
        InputGradientPenalty(strength=0.1, columns=None)
    """

    def __init__(
        self,
        strength: float | Mapping[str, float] = 0.01,
        columns: Sequence[int] | None = None,
    ) -> None:
        super().__init__(strength, columns)

    def penalty_gradients(self, step: Any, batch: Any, heads: Any) -> list[Tensor]:
        """See `TrainingRegularizer.penalty_gradients`."""
        plan = step.plan
        means = ops.convert_to_tensor([loss.reduction != "sum" for loss in plan.losses])

        def targets(x: Tensor) -> list[Tensor]:
            losses, counts = step.losses(outputs_at(step, batch, x), batch)
            sums = ops.where(means, losses * counts, losses)
            return [sums[task] for task in range(plan.num_tasks)]

        rows = heads.counts
        there = rows > 0
        factors = self.strengths(plan.trained) / ops.where(there, rows, 1.0)
        factors = ops.where(there, factors, 0.0)
        return self.gradient(
            step, batch, targets, [factors[task] for task in range(plan.num_tasks)]
        )
