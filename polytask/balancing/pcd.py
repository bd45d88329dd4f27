"""A primary task's descent that no auxiliary task opposes."""

from typing import Any

import numpy as np

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.balancing.primary import primary_mask
from polytask.numeric.cone import nearest_with_gains
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.PCD")
class PCD(GramianBalancer):
    """The direction nearest to the primary gradient that improves every task.

    With s_t one over the root of the moving average of the squared norm of g_t, it
    minimizes |d - s_1 g_1| subject to s_t g_t'd >= margin |s_t g_t|^2 for all tasks,
    and gives the result the length of g_1. Where no direction improves all, it is g_1;
    without a primary gradient, or a label of the primary task, it is 0. Auxiliary tasks
    act only through the constraints: with orthonormal gradients they get about the
    margin.

    Args:
        primary: Name or position of the primary task. Defaults to 0.
        margin: How much of its own full step each task must gain, between 0 and 1.
            Defaults to 0.02.
        decay: Weight of the past in the moving averages, corrected for their start.
            Defaults to 0.999.
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".

    Raises:
        UserError: If an argument is out of range or the task is unknown.

    Source:
        PCD (2026), Transactions on Machine Learning Research, arXiv 2606.29521.

    Example:
        >>> import numpy as np
        >>> opposed = np.array([[1, -0.6], [-0.6, 1]])
        >>> weights = PCD(margin=0.02).weights([1.0, 1.0], gramian=opposed)
        >>> [round(float(w), 4) for w in weights]
        [1.2496, 0.7748]
    """

    def __init__(
        self,
        primary: str | int = 0,
        margin: float = 0.02,
        decay: float = 0.999,
        update_every: int = 1,
        on: str = "shared",
    ) -> None:
        super().__init__(update_every, on)
        self.primary = primary
        self.margin = checked_number(margin, "margin", "PCD", above=0.0, below=1.0)
        self.decay = checked_number(decay, "decay", "PCD", at_least=0.0, below=1.0)

    def build(
        self,
        num_tasks: int,
        task_names: tuple[str, ...] = (),
        shapes: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        """Make the state, and find the primary task; see `Balancer.build`."""
        super().build(num_tasks, task_names, shapes)
        mask = primary_mask([self.primary], num_tasks, self.task_names)
        self._primary = int(np.argmax(mask))

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return the moving averages of the squared norms, and their lengths."""
        zeros = np.zeros(num_tasks)
        return {"mean_square": zeros, "times_seen": zeros}

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return the weights of the direction."""
        seen = state["times_seen"] + 1.0
        square = ops.maximum(ops.diagonal(gramian), 0.0)
        mean = self.decay * state["mean_square"] + (1.0 - self.decay) * square
        debiased = mean / (1.0 - self.decay**seen)
        alive = debiased > 0
        scale = ops.where(alive, 1.0 / ops.sqrt(ops.where(alive, debiased, 1.0)), 0.0)
        weights = nearest_with_gains(
            ops, gramian, scale, self._primary, self.margin, present
        )
        return weights, {"mean_square": mean, "times_seen": seen}
