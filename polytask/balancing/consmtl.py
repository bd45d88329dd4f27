"""Consistent multi-task learning."""

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.fairgrad import FairGrad


@polytask_export("polytask.balancing.ConsMTL")
class ConsMTL(FairGrad):
    """Fair weights of the shared variables, (Gw)_t = w_t^(-1/2), and consistent heads.

    In `fit` a head gets, beside its task's gradient, that of -c <dl_t/dz, d>, where z
    is the representation and d = sum_j w_j dl_j/dz is held still: the head learns to
    want from z what all tasks want. This change is clipped to a tenth of the head's own
    gradient; a step costs one more pass through the heads. Elsewhere, as in the native
    entry points, it is `FairGrad(2)`.

    Args:
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".
        consistency: c, at least 0; 0 leaves the heads alone. Defaults to 1.

    Raises:
        UserError: If `consistency` is out of range, or, in `compile`, the shared part
            ends in several tensors.

    Source:
        Qin et al. (2025), Towards consistent multi-task learning: unlocking the
        potential of task-specific parameters.

    Example:
        >>> import numpy as np
        >>> weights = ConsMTL().weights([1.0, 1.0], gramian=np.diag([1.0, 16.0]))
        >>> [round(float(w), 4) for w in weights]
        [1.0, 0.1575]
    """

    def __init__(
        self, update_every: int = 1, on: str = "shared", consistency: float = 1.0
    ) -> None:
        super().__init__(2.0, update_every, on)
        self.consistency = checked_number(
            consistency, "consistency", "ConsMTL", at_least=0.0
        )
