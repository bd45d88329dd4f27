"""Multi-objective gradient correction."""

from typing import Any

import numpy as np
from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.jacobian_balancer import JacobianBalancer, squared_norms
from polytask.balancing.masked import count_of, masked_mean
from polytask.numeric.namespace import Tensor
from polytask.numeric.simplex import project_on_simplex


@polytask_export("polytask.balancing.MoCo")
class MoCo(JacobianBalancer):
    """Track the task gradients, and take one step towards their least norm.

    The update combines the tracked gradients, whose noise averages out.

    Args:
        tracking: Rate of the moving average of the gradients; the first gradient of a
            task starts it. Defaults to 0.5.
        learning_rate: Step of the weights, relative to the mean squared norm of the
            tracked gradients. Defaults to 0.1.
        rho: Pull towards equal weights, in the same unit. Defaults to 0.

    Raises:
        UserError: If a number is out of range.

    Source:
        H. Fernando et al. (2023), Mitigating gradient bias in multi-objective
        learning: a provably convergent approach.

    Example:
        >>> from keras import ops
        >>> direction = MoCo().combine([ops.eye(2)], [1.0, 1.0])[0]
        >>> [float(x) for x in direction]
        [1.0, 1.0]
    """

    tracked = ("tracked_gradient",)

    def __init__(
        self, tracking: float = 0.5, learning_rate: float = 0.1, rho: float = 0.0
    ) -> None:
        super().__init__()
        self.tracking = checked_number(
            tracking, "tracking", "MoCo", above=0.0, at_most=1.0
        )
        self.learning_rate = checked_number(
            learning_rate, "learning_rate", "MoCo", at_least=0.0
        )
        self.rho = checked_number(rho, "rho", "MoCo", at_least=0.0)

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return equal weights, and whether a task has been seen."""
        return {
            "simplex_weights": np.full(num_tasks, 1.0 / num_tasks),
            "seen": np.zeros(num_tasks),
        }

    def direction(
        self, rows: list[Tensor], losses: Tensor, present: Tensor, state: State
    ) -> tuple[list[Tensor], State]:
        """Return T times the weighted sum of the tracked gradients."""
        rate = ops.where(state["seen"] > 0, self.tracking, 1.0)[:, None]
        new: State = {}
        followed = []
        for k, row in enumerate(rows):
            before = state[f"tracked_gradient_{k}"]
            new[f"tracked_gradient_{k}"] = before + rate * (row - before)
            followed.append(
                ops.where(present[:, None], new[f"tracked_gradient_{k}"], 0.0)
            )
        mean = masked_mean(ops, squared_norms(followed), present)
        w = project_on_simplex(ops, state["simplex_weights"], present)
        pulled = [ops.matmul(y, ops.matmul(w, y)) for y in followed]
        gradient = sum(pulled) / ops.where(mean > 0, mean, 1.0)
        moved = w - self.learning_rate * (gradient + self.rho * w)
        w = project_on_simplex(ops, moved, present)
        new["simplex_weights"] = w
        new["seen"] = ops.ones_like(w)
        count = count_of(ops, present)
        return [count * ops.matmul(w, y) for y in followed], new
