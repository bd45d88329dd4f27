"""Fair resource allocation between tasks."""

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.numeric.bargaining import fair_bargaining
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.FairGrad")
class FairGrad(GramianBalancer):
    """The alpha-fair solution: weights with (Gw)_t = w_t^(-1/alpha).

    Args:
        alpha: 1 is Nash bargaining; larger values favor the tasks that improve least.
            Defaults to 2.
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".

    Source:
        H. Ban, K. Ji (2024), Fair resource allocation in multi-task learning.

    Example:
        >>> import numpy as np
        >>> weights = FairGrad().weights([1.0, 1.0], gramian=np.eye(2))
        >>> [round(float(w), 4) for w in weights]
        [1.0, 1.0]
    """

    def __init__(
        self, alpha: float = 2.0, update_every: int = 1, on: str = "shared"
    ) -> None:
        super().__init__(update_every, on)
        self.alpha = checked_number(alpha, "alpha", "FairGrad", above=0.0)

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return the fair solution."""
        return fair_bargaining(ops, gramian, present, self.alpha), {}
