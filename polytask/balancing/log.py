"""The sum of the logarithms of the losses."""

from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.Log")
class Log(Balancer):
    """Minimize sum log loss_t: w_t = 1 / loss_t, so that no loss has a scale.

    Args:
        update_every: See `Balancer`. Defaults to 1.

    Source:
        B. Lin et al. (2023), Dual-balancing for multi-task learning (its loss part).

    Example:
        >>> weights = Log().weights([0.5, 2.0])
        >>> [float(w) for w in weights]
        [2.0, 0.5]
    """

    positive_losses = True

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return one over the losses."""
        return 1.0 / losses, {}
