"""Conflict-averse gradient descent."""

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.balancing.masked import count_of
from polytask.numeric.conflict_averse import conflict_averse
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.CAGrad")
class CAGrad(GramianBalancer):
    """The direction near the mean gradient that improves the worst task most.

    Divided by 1 + c, so that aligned gradients give the sum.

    Args:
        c: Radius of the search relative to the mean gradient, 0 or more; below 1 it
            converges to a minimum of the mean loss. Defaults to 0.4.
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".

    Source:
        B. Liu et al. (2021), Conflict-averse gradient descent for multi-task learning.

    Example:
        >>> import numpy as np
        >>> weights = CAGrad().weights([1.0, 1.0], gramian=np.eye(2))
        >>> [round(float(w), 4) for w in weights]
        [1.0, 1.0]
    """

    def __init__(
        self, c: float = 0.4, update_every: int = 1, on: str = "shared"
    ) -> None:
        super().__init__(update_every, on)
        self.c = checked_number(c, "c", "CAGrad", at_least=0.0)

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return T / (1 + c) times the solution for the mean."""
        weights = conflict_averse(ops, gramian, self.c, present)
        count = ops.cast(count_of(ops, present), weights.dtype)
        return weights * count / (1.0 + self.c), {}
