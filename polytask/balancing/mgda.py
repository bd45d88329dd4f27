"""The shortest vector in the convex hull of the gradients."""

from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.balancing.masked import count_of
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.simplex import min_norm_on_simplex


@polytask_export("polytask.balancing.MGDA")
class MGDA(GramianBalancer):
    """Minimize the norm of the combined gradient over weights that sum to T.

    Args:
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".

    Source:
        J.-A. Desideri (2012), Multiple-gradient descent algorithm (MGDA) for
        multiobjective optimization; O. Sener, V. Koltun (2018), Multi-task learning as
        multi-objective optimization.

    Example:
        >>> import numpy as np
        >>> weights = MGDA().weights([1.0, 1.0], gramian=np.eye(2))
        >>> [round(float(w), 4) for w in weights]
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
        """Return T times the minimizer on the simplex."""
        weights = min_norm_on_simplex(ops, gramian, present)
        return weights * ops.cast(count_of(ops, present), weights.dtype), {}
