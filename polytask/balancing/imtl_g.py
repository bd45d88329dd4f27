"""Impartial multi-task learning, from the gradients."""

from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.balancing.masked import count_of
from polytask.numeric.equilibrate import equilibrate, least_squares
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.IMTLG")
class IMTLG(GramianBalancer):
    """The direction with equal projections on all normalized task gradients.

    The weights sum to T. Where no direction has equal projections, it is the best in
    least squares; for opposed gradients the normalized gradients are summed.

    Args:
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".

    Source:
        L. Liu et al. (2021), Towards impartial multi-task learning (the gradient part).

    Example:
        >>> import numpy as np
        >>> weights = IMTLG().weights([1.0, 1.0], gramian=np.eye(2))
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
        """Return the solution of Gw = n, scaled to sum T."""
        cosines, norms, _ = equilibrate(ops, gramian, present)
        usable = present & (norms > 0)
        right = ops.cast(usable, norms.dtype)
        inverse = ops.where(usable, 1.0 / ops.where(usable, norms, 1.0), 0.0)
        inverse = inverse / ops.max(ops.where(usable, inverse, 0.0) + 1.0 - right)
        weights = least_squares(ops, cosines, right) * inverse
        total = ops.sum(weights)
        solved = ops.abs(total) > 0
        weights = ops.where(solved, weights, inverse)
        total = ops.where(solved, total, ops.sum(inverse))
        count = ops.cast(count_of(ops, present), norms.dtype)
        return weights * count / ops.where(ops.abs(total) > 0, total, 1.0), {}
