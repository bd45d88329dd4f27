"""Conflict-free inverse gradients."""

from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.preference_balancer import PreferenceBalancer
from polytask.numeric.equilibrate import equilibrate, least_squares
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.ConFIG")
class ConFIG(PreferenceBalancer):
    """The direction with equal cosines to all gradients, as long as their projections.

    d = (sum_t g_t'u) u, where u is the unit vector with equal inner products with all
    normalized gradients (or in the ratio of the preference), in least squares where
    there is none.

    Args:
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".
        preference: One positive number per task: the ratio of the cosines.
            Defaults to None: 1 each.

    Source:
        Q. Liu et al. (2024), ConFIG: towards conflict-free training of physics informed
        neural networks.

    Example:
        >>> import numpy as np
        >>> weights = ConFIG().weights([1.0, 1.0], gramian=np.eye(2))
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
        """Return the weights of d."""
        cosines, norms, _ = equilibrate(ops, gramian, present)
        usable = present & (norms > 0)
        wanted = ops.where(usable, self.preferred(ops, norms), 0.0)
        v = least_squares(ops, cosines, wanted)
        inner = ops.where(usable, ops.matmul(cosines, v), 0.0)
        squared = ops.sum(v * inner)
        length = ops.sum(norms * inner) / ops.where(squared > 0, squared, 1.0)
        return ops.where(usable, v * length / ops.where(usable, norms, 1.0), 0.0), {}
