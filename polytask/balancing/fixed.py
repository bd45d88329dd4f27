"""Weights that the user chose."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State
from polytask.errors import UserError
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.Fixed")
class Fixed(Balancer):
    """The same given weights at every step.

    Args:
        task_weights: One non-negative weight per task, in the order of the tasks.
        update_every: See `Balancer`. Defaults to 1.

    Raises:
        UserError: If a weight is negative or not finite, or their number is not that
            of the tasks.

    Example:
        >>> weights = Fixed([1.0, 0.25]).weights([0.5, 2.0])
        >>> [float(w) for w in weights]
        [1.0, 0.25]
    """

    def __init__(self, task_weights: Sequence[float], update_every: int = 1) -> None:
        super().__init__(update_every)
        self.task_weights = [float(w) for w in task_weights]
        if not all(np.isfinite(w) and w >= 0 for w in self.task_weights):
            raise UserError(
                f"task_weights must be finite and non-negative; found "
                f"{self.task_weights}."
            )

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Check the number of weights; there is no state."""
        if len(self.task_weights) != num_tasks:
            raise UserError(
                f"Fixed has {len(self.task_weights)} task_weights for {num_tasks} "
                "tasks; give one for each."
            )
        return {}

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return the given weights."""
        return ops.convert_to_tensor(self.task_weights, "float32"), {}
