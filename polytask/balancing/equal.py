"""All tasks alike."""

from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.Equal")
class Equal(Balancer):
    """Weight 1 for every task: the plain sum of the losses.

    Args:
        update_every: See `Balancer`. Defaults to 1.

    Example:
        >>> weights = Equal().weights([0.5, 2.0])
        >>> [float(w) for w in weights]
        [1.0, 1.0]
    """

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return ones."""
        return ops.ones_like(losses), {}
