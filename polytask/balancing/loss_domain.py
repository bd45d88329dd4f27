"""Which losses a balancer takes."""

from collections.abc import Sequence

import numpy as np

from polytask.errors import UserError
from polytask.numeric.namespace import NUMPY_OPS, Namespace, Tensor, concrete


class LossDomain:
    """The losses that a method is defined for; by default all that are finite."""

    #: Whether losses of zero or below are refused.
    positive_losses: bool = False
    #: Whether losses below zero are refused.
    nonnegative_losses: bool = False
    #: Per task, what a method with `positive_losses` needs the loss to exceed.
    loss_floor: Sequence[float] | None = None
    #: The tasks' names, for messages; nothing where they have none.
    task_names: tuple[str, ...] = ()

    def check_losses(self, losses: Tensor, present: Tensor = None) -> None:
        """Refuse losses outside of the method's domain, where they are known.

        Args:
            losses: (T,) losses; traced tensors pass unchecked.
            present: (T,) bool; see `weights`.

        Raises:
            UserError: If a loss is negative, or zero for a method that takes
                logarithms; the message names the task.
        """
        if not (self.positive_losses or self.nonnegative_losses):
            return
        values = concrete(losses)
        mask = concrete(present) if present is not None else None
        if values is None or (present is not None and mask is None):
            return
        bad = ~self.in_domain(NUMPY_OPS, values) & np.isfinite(values)
        bad = bad if mask is None else bad & mask
        if bad.any():
            task = int(np.flatnonzero(bad)[0])
            name = self.task_names[task] if self.task_names else task
            raise UserError(
                f"{type(self).__name__} needs losses {self.describe_domain(task)}, "
                f"but task {name!r} has the loss {float(values[task]):g}. Choose a "
                "loss that is bounded below, or a balancer that works on gradients."
            )

    def in_domain(self, ops: Namespace, losses: Tensor) -> Tensor:
        """Return, as (T,) bool, which losses are finite and in the method's domain.

        Args:
            ops: `keras.ops`, or NumPy under the same names.
            losses: (T,) losses.
        """
        good = ops.isfinite(losses)
        if self.positive_losses:
            return good & (losses > self._floor(ops, losses))
        return good & (losses >= 0) if self.nonnegative_losses else good

    def describe_domain(self, task: int) -> str:
        """Return what the method needs of a task's loss, such as "above 0"."""
        floor = 0.0 if self.loss_floor is None else float(self.loss_floor[task])
        return f"{'above' if self.positive_losses else 'at or above'} {floor:g}"

    def _floor(self, ops: Namespace, losses: Tensor) -> Tensor:
        """Return what each loss of a method with `positive_losses` has to exceed."""
        if self.loss_floor is None:
            return ops.zeros_like(losses)
        return ops.convert_to_tensor(list(self.loss_floor), "float32")
