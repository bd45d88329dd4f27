"""Impartial multi-task learning, from the losses."""

from typing import Any

import numpy as np

from polytask._export import polytask_export
from polytask.balancing.uncertainty import Uncertainty


@polytask_export("polytask.balancing.IMTLL")
class IMTLL(Uncertainty):
    """Minimize sum exp(s_t) loss_t - s_t, which drives all scaled losses to 1.

    The s_t take their own gradient steps, each at most the learning rate long. With
    s = -s it is the update of `Uncertainty`, under which name it is done.

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

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return the log-scales, as log-variances."""
        return {"log_variance": np.full(num_tasks, -self.initial)}
