"""Dual-balancing multi-task learning."""

from typing import Any

import numpy as np
from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.jacobian_balancer import JacobianBalancer, squared_norms
from polytask.numeric.namespace import Tensor


@polytask_export("polytask.balancing.DBMTL")
class DBMTL(JacobianBalancer):
    """Average the gradients of the log-losses, and give them all the largest norm.

    Args:
        beta: Weight of the past in the moving average of the gradients, at least 0
            and below 1. The
            average is corrected for its start at zero. Defaults to 0.9.

    Raises:
        UserError: If a number is out of range.

    Source:
        B. Lin et al. (2023), Dual-balancing for multi-task learning.

    Example:
        >>> from keras import ops
        >>> direction = DBMTL().combine([ops.eye(2)], [1.0, 1.0])[0]
        >>> [round(float(x), 4) for x in direction]
        [1.0, 1.0]
    """

    positive_losses = True
    tracked = ("mean_gradient",)

    def __init__(self, beta: float = 0.9) -> None:
        super().__init__()
        self.beta = checked_number(beta, "beta", "DBMTL", at_least=0.0, below=1.0)

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return how often each task was seen."""
        return {"times_seen": np.zeros(num_tasks)}

    def direction(
        self, rows: list[Tensor], losses: Tensor, present: Tensor, state: State
    ) -> tuple[list[Tensor], State]:
        """Return the sum of the averages, all as long as the longest."""
        seen = state["times_seen"] + 1.0
        corrected = (1.0 - self.beta**seen)[:, None]
        new: State = {"times_seen": seen}
        means = []
        for k, row in enumerate(rows):
            before = state[f"mean_gradient_{k}"]
            after = self.beta * before + (1.0 - self.beta) * row / losses[:, None]
            new[f"mean_gradient_{k}"] = after
            means.append(ops.where(present[:, None], after / corrected, 0.0))
        norms = ops.sqrt(squared_norms(means))
        factors = ops.max(norms) / ops.where(norms > 0, norms, 1.0)
        return [ops.matmul(factors, mean) for mean in means], new
