"""Impartial multi-task learning, from the losses."""

from typing import Any

import numpy as np

from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State


@polytask_export("polytask.balancing.IMTLL")
class IMTLL(Balancer):
    """Minimize sum exp(s_t) loss_t - s_t, which drives all scaled losses to 1.

    The s_t take their own gradient steps, each at most the learning rate long.

    Args:
        learning_rate: Step size of the log-scales. Defaults to 0.01.
        initial: Log-scale at the start. Defaults to 0, the weight 1.
        update_every: See `Balancer`. Defaults to 1.

    Source:
        L. Liu et al. (2021), Towards impartial multi-task learning (the loss part).

    Example:
        >>> weights = IMTLL().weights([0.5, 2.0])
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
        self.learning_rate = learning_rate
        self.initial = initial

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return the log-scales."""
        return {"log_scale": np.full(num_tasks, self.initial)}

    def compute(
        self, ops: Any, losses: Any, gramian: Any, present: Any, state: State
    ) -> tuple[Any, State]:
        """Return exp(s), and one gradient step of s."""
        s = state["log_scale"]
        weights = ops.exp(s)
        gradient = ops.clip(weights * losses - 1.0, -1.0, 1.0)
        return weights, {"log_scale": s - self.learning_rate * gradient}
