"""Weights by learned task uncertainty."""

from typing import Any

import numpy as np

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.Uncertainty")
class Uncertainty(Balancer):
    """Minimize sum exp(-s_t) loss_t + s_t over learned log-variances s_t.

    The s_t take their own gradient steps, never decayed, each at most the learning
    rate long.

    Args:
        learning_rate: Step size of the log-variances. Defaults to 0.01.
        initial: Log-variance at the start. Defaults to 0, the weight 1.
        update_every: See `Balancer`. Defaults to 1.

    Raises:
        UserError: If a number is out of range.

    Source:
        A. Kendall, Y. Gal, R. Cipolla (2018), Multi-task learning using uncertainty to
        weigh losses for scene geometry and semantics.

    Example:
        >>> weights = Uncertainty().weights([0.5, 2.0])
        >>> [float(w) for w in weights]
        [1.0, 1.0]
    """

    nonnegative_losses = True

    def __init__(
        self,
        learning_rate: float = 0.01,
        initial: float = 0.0,
        update_every: int = 1,
    ) -> None:
        super().__init__(update_every)
        self.learning_rate = checked_number(
            learning_rate, "learning_rate", type(self).__name__, at_least=0.0
        )
        self.initial = checked_number(initial, "initial", type(self).__name__)

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return the log-variances."""
        return {"log_variance": np.full(num_tasks, self.initial)}

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return exp(-s), and one gradient step of s."""
        s = state["log_variance"]
        weights = ops.exp(-s)
        gradient = ops.clip(1.0 - weights * losses, -1.0, 1.0)
        return weights, {"log_variance": s - self.learning_rate * gradient}
