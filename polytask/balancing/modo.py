"""Multi-objective descent with double sampling."""

from typing import Any

import numpy as np

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.balancing.masked import count_of, relative_products
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.simplex import project_on_simplex


@polytask_export("polytask.balancing.MoDo")
class MoDo(GramianBalancer):
    """Take one projected gradient step towards the least norm, at each training step.

    The gradient (J1 J2' + rho) w of the squared norm is unbiased if J1 and J2 come from
    two independent batches: pass their product as `gramian`. One batch's own Gramian
    works as well, with a bias towards noisy tasks.

    Args:
        learning_rate: Step of the weights, relative to the mean squared gradient norm.
            Defaults to 0.1.
        rho: Pull towards equal weights, in the same unit. Defaults to 0.
        update_every: See `GramianBalancer`. Defaults to 1.

    Raises:
        UserError: If a number is out of range.

    Source:
        L. Chen et al. (2023), Three-way trade-off in multi-objective learning:
        optimization, generalization and conflict-avoidance.

    Example:
        >>> import numpy as np
        >>> weights = MoDo().weights([1.0, 1.0], gramian=np.eye(2))
        >>> [round(float(w), 4) for w in weights]
        [1.0, 1.0]
    """

    cross_batch = True

    def __init__(
        self, learning_rate: float = 0.1, rho: float = 0.0, update_every: int = 1
    ) -> None:
        super().__init__(update_every)
        self.learning_rate = checked_number(
            learning_rate, "learning_rate", "MoDo", at_least=0.0
        )
        self.rho = checked_number(rho, "rho", "MoDo", at_least=0.0)

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return equal weights."""
        return {"simplex_weights": np.full(num_tasks, 1.0 / num_tasks)}

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return T times the weights after the step."""
        w = project_on_simplex(ops, state["simplex_weights"], present)
        gradient = ops.matmul(relative_products(ops, gramian, present), w)
        moved = w - self.learning_rate * (gradient + self.rho * w)
        w = project_on_simplex(ops, moved, present)
        return w * count_of(ops, present), {"simplex_weights": w}
