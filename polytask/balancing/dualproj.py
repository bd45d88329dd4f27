"""The summed gradient, projected onto the dual cone."""

from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.preference_balancer import PreferenceBalancer
from polytask.numeric.cone import project_on_dual_cone
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.DualProj")
class DualProj(PreferenceBalancer):
    """Project the sum of the gradients to conflict with no task.

    Args:
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".
        preference: One positive number per task, its weight in the sum.
            Defaults to None: 1 each.

    Source:
        D. Lopez-Paz, M. Ranzato (2017), Gradient episodic memory for continual
        learning.

    Example:
        >>> import numpy as np
        >>> weights = DualProj().weights([1.0, 1.0], gramian=np.eye(2))
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
        """Return the minimizer of v'Gv over v >= preference."""
        preference = self.preferred(ops, losses)
        return project_on_dual_cone(ops, gramian, preference, present), {}
