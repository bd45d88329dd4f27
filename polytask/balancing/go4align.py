"""Group optimization for multi-task alignment."""

from typing import Any

import numpy as np

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State
from polytask.balancing.masked import masked_softmax
from polytask.numeric.line_clusters import cluster_means
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.GO4Align")
class GO4Align(Balancer):
    """Give the tasks of a group one weight, from losses and their history.

    With q of sum 1, which each step multiplies by exp(-learning_rate loss), the tasks'
    numbers v_t = q_t (sum of the losses) / loss_t are put into groups by k-means, here
    exactly; a task's weight is the mean of v in its group.

    Args:
        groups: Largest number of groups. Defaults to 2.
        learning_rate: Rate of the multiplicative update, per unit of loss. Defaults to
            0.0001.
        update_every: See `Balancer`. Defaults to 1.

    Raises:
        UserError: If there is not a group or more.

    Source:
        J. Shen et al. (2024), GO4Align: group optimization for multi-task alignment.

    Example:
        >>> weights = GO4Align(groups=2).weights([1.0, 2.0, 2.2])
        >>> [round(float(w), 2) for w in weights]
        [1.73, 0.83, 0.83]
    """

    positive_losses = True

    def __init__(
        self, groups: int = 2, learning_rate: float = 1e-4, update_every: int = 1
    ) -> None:
        super().__init__(update_every)
        self.groups = checked_count(groups, "groups", "GO4Align")
        self.learning_rate = checked_number(
            learning_rate, "learning_rate", "GO4Align", at_least=0.0
        )

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return the logarithm of q, up to a constant."""
        return {"log_share": np.zeros(num_tasks)}

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return the means of the groups."""
        log_share = state["log_share"] - self.learning_rate * losses
        total = ops.sum(ops.where(present, losses, 0.0))
        numbers = masked_softmax(ops, log_share, present) * (total / losses)
        means = cluster_means(ops, numbers, self.groups, present)
        return means, {"log_share": log_share}
