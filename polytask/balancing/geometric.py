"""The geometric mean of the losses."""

from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State
from polytask.balancing.masked import masked_mean
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.Geometric")
class Geometric(Balancer):
    """Minimize the geometric mean: w_t = (geometric mean) / loss_t.

    The mean is taken of logarithms, so that any number of tasks stays in range.

    Args:
        update_every: See `Balancer`. Defaults to 1.

    Source:
        S. Chennupati et al. (2019), MultiNet++: multi-stream feature aggregation and
        geometric loss strategy for multi-task learning.

    Example:
        >>> weights = Geometric().weights([0.5, 2.0])
        >>> [round(float(w), 5) for w in weights]
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
        """Return the geometric mean over the losses."""
        log = ops.log(losses)
        return ops.exp(masked_mean(ops, log, present) - log), {}
