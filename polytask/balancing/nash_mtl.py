"""Multi-task learning as a bargaining game."""

from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.balancing.preference import checked_norm
from polytask.numeric.bargaining import fair_bargaining
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.NashMTL")
class NashMTL(GramianBalancer):
    """The Nash bargaining solution: weights with (Gw)_t = 1 / w_t.

    The update has the squared norm T whatever the scale of the losses; bound its norm
    or use an optimizer that adapts its steps.

    Args:
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".
        max_norm: The longest update of the shared variables in `fit` and in the native
            entry points; the published code takes 1. Defaults to None: any.

    Raises:
        UserError: If `max_norm` is not positive.

    Source:
        A. Navon et al. (2022), Multi-task learning as a bargaining game.

    Example:
        >>> import numpy as np
        >>> weights = NashMTL().weights([1.0, 1.0], gramian=np.eye(2))
        >>> [round(float(w), 4) for w in weights]
        [1.0, 1.0]
    """

    def __init__(
        self, update_every: int = 1, on: str = "shared", max_norm: float | None = None
    ) -> None:
        super().__init__(update_every, on)
        self.max_norm = checked_norm(max_norm)

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return the bargaining solution."""
        return fair_bargaining(ops, gramian, present), {}
