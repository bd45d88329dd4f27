"""Consistent multi-task learning."""

from polytask._export import polytask_export
from polytask.balancing.fairgrad import FairGrad


@polytask_export("polytask.balancing.ConsMTL")
class ConsMTL(FairGrad):
    """Fair weights of the shared variables, with (Gw)_t = w_t^(-1/2).

    Of ConsMTL this is the part on the shared variables. Its change of the heads'
    gradients, towards the common gradient of the representation, is not part of this.

    Args:
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".

    Source:
        Qin et al. (2025), Towards consistent multi-task learning: unlocking the
        potential of task-specific parameters.

    Example:
        >>> import numpy as np
        >>> weights = ConsMTL().weights([1.0, 1.0], gramian=np.diag([1.0, 16.0]))
        >>> [round(float(w), 4) for w in weights]
        [1.0, 0.1575]
    """

    def __init__(self, update_every: int = 1, on: str = "shared") -> None:
        super().__init__(2.0, update_every, on)
