"""What penalties of derivatives by the input have in common."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras import ops

from polytask._checks import checked_number
from polytask._types import Tensor
from polytask.errors import UserError, nearest
from polytask.training.regularization.moved_input import (
    check_moved_input,
    in_columns,
    moved_input,
)
from polytask.training.regularization.training_regularizer import (
    TrainedTasks,
    TrainingRegularizer,
)


class SlopePenalty(TrainingRegularizer):
    """A penalty on the squares of derivatives by the input, of each task.

    Args:
        strength: At least 0, or a dict from task to it, 0 for those left out.
        columns: Indices of the columns of the input that count; None for all.

    Raises:
        UserError: If a strength is out of range.
    """

    def __init__(
        self,
        strength: float | Mapping[str, float],
        columns: Sequence[int] | None,
    ) -> None:
        owner = type(self).__name__
        self.strength: float | dict[str, float]
        if isinstance(strength, Mapping):
            self.strength = {
                task: checked_number(each, f'strength["{task}"]', owner, at_least=0.0)
                for task, each in strength.items()
            }
        else:
            self.strength = checked_number(strength, "strength", owner, at_least=0.0)
        self.columns = None if columns is None else [int(c) for c in columns]

    def bind(self, model: Any, tasks: TrainedTasks) -> None:
        """Check the input and the tasks."""
        owner = type(self).__name__
        check_moved_input(owner, model, self.columns)
        if isinstance(self.strength, dict):
            for task in self.strength:
                if task not in tasks.names:
                    raise UserError(
                        f'{owner} has a strength for "{task}", which is no task with a '
                        f"loss.{nearest(task, tasks.names)}"
                    )

    def strengths(self, tasks: TrainedTasks) -> Tensor:
        """Return the (T,) strengths."""
        of_all = self.strength
        each = (
            [of_all.get(task, 0.0) for task in tasks.names]
            if isinstance(of_all, dict)
            else [of_all] * len(tasks.names)
        )
        return ops.convert_to_tensor(each, "float32")

    def gradient(
        self,
        step: Any,
        batch: Any,
        targets: Callable[[Tensor], list[Tensor]],
        factors: list[Tensor],
    ) -> list[Tensor]:
        """Return the scaled gradient of ½ Σ f ‖∂s/∂x‖² over some scalars s.

        Args:
            step: The passes of the step.
            batch: The rows, whose input is x.
            targets: From x to the scalars.
            factors: f, one for each.
        """

        def penalty(slopes: list[Tensor]) -> Tensor:
            value = ops.zeros((), "float32")
            for slope, factor in zip(slopes, factors, strict=True):
                moving = ops.cast(in_columns(slope, self.columns), "float32")
                value = value + 0.5 * factor * ops.sum(ops.square(moving))
            return value * step.scale

        found: list[Tensor] = step.slope_gradient(targets, penalty, moved_input(batch))
        return found
