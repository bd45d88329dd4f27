"""Robust multi-task learning by excess risks."""

from typing import Any

import numpy as np
from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.jacobian_balancer import JacobianBalancer
from polytask.balancing.masked import count_of
from polytask.numeric.namespace import Tensor


@polytask_export("polytask.balancing.ExcessMTL")
class ExcessMTL(JacobianBalancer):
    """Weight tasks by their estimated excess risk: the distance to their optimum.

    The excess risk is g'H^(-1)g with the diagonal AdaGrad estimate of H, relative to
    its first value for the task, so that neither the number of parameters nor the
    scale of a loss matters. A task's first step only sets that value.

    Args:
        learning_rate: Rate of the multiplicative update of the weights. Defaults to
            0.01.

    Raises:
        UserError: If a number is out of range.

    Source:
        Y. He et al. (2024), Robust multi-task learning with excess risks.

    Example:
        >>> from keras import ops
        >>> direction = ExcessMTL().combine([ops.eye(2)], [1.0, 1.0])[0]
        >>> [round(float(x), 4) for x in direction]
        [1.0, 1.0]
    """

    tracked = ("squared_sum",)

    def __init__(self, learning_rate: float = 0.01) -> None:
        super().__init__()
        self.learning_rate = checked_number(
            learning_rate, "learning_rate", "ExcessMTL", at_least=0.0
        )

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return log-weights and the first excess risks (0: not seen)."""
        return {"log_weights": np.zeros(num_tasks), "first_risk": np.zeros(num_tasks)}

    def direction(
        self, rows: list[Tensor], losses: Tensor, present: Tensor, state: State
    ) -> tuple[list[Tensor], State]:
        """Return the weighted sum of the gradients."""
        new: State = {}
        risk = ops.zeros_like(losses)
        for k, row in enumerate(rows):
            total = state[f"squared_sum_{k}"] + row * row
            new[f"squared_sum_{k}"] = total
            curvature = ops.sqrt(ops.where(total > 0, total, 1.0))
            risk = risk + ops.sum(row * row / curvature, axis=1)
        first = state["first_risk"]
        known = first > 0
        relative = ops.where(known, risk / ops.where(known, first, 1.0), 0.0)
        log_weights = state["log_weights"] + self.learning_rate * relative
        top = ops.max(ops.where(present, log_weights, -3e38))
        log_weights = log_weights - top
        weights = ops.where(present, ops.exp(log_weights), 0.0)
        weights = weights * count_of(ops, present) / ops.sum(weights)
        new["first_risk"] = ops.where(known, first, risk)
        new["log_weights"] = log_weights
        return [ops.matmul(weights, row) for row in rows], new
