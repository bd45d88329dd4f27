"""Projections of each gradient onto the dual cone, summed."""

from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.preference_balancer import PreferenceBalancer
from polytask.numeric.cone import project_each_on_dual_cone
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.UPGrad")
class UPGrad(PreferenceBalancer):
    """Sum, over tasks, the gradient projected to conflict with no other.

    Args:
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".
        preference: One positive number per task, by which its projection counts.
            Defaults to None: 1 each.

    Source:
        P. Quinton, V. Rey (2024), Jacobian descent for multi-objective optimization.

    Example:
        >>> import numpy as np
        >>> weights = UPGrad().weights([1.0, 1.0], gramian=np.eye(2))
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
        """Return the sum over tasks of the projections' weights."""
        rows = project_each_on_dual_cone(ops, gramian, present)
        return ops.matmul(self.preferred(ops, rows[0]), rows), {}
