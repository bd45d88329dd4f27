"""Auxiliary tasks weighted by the cosine of their gradients."""

from collections.abc import Sequence

from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.balancing.primary import checked_primary, primary_mask
from polytask.numeric.equilibrate import equilibrate
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.CosineGating")
class CosineGating(GramianBalancer):
    """Let an auxiliary task act as far as its gradient agrees with the primary ones.

    Primary tasks have the weight 1. An auxiliary task has max(0, cos), with the cosine
    of the angle between its gradient and the sum of the primary gradients. Orthogonal
    auxiliary tasks therefore get 0: this is no method of equal tasks.

    Args:
        primary: Names or positions of the tasks that count. Defaults to None: all, so
            that all weights are 1.
        hard: Whether an auxiliary task that does not conflict counts in full: 1 where
            the cosine is at least 0. Defaults to False.
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".

    Raises:
        UserError: If `primary` is empty or names an unknown task.

    Source:
        Y. Du et al. (2018), Adapting auxiliary losses using gradient similarity.

    Example:
        >>> import numpy as np
        >>> balancer = CosineGating(primary=[0])
        >>> products = np.array([[1, 1, -0.5], [1, 4, 0], [-0.5, 0, 1]])
        >>> weights = balancer.weights([1.0, 1.0, 1.0], gramian=products)
        >>> [round(float(w), 4) for w in weights]
        [1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        primary: Sequence[str | int] | None = None,
        hard: bool = False,
        update_every: int = 1,
        on: str = "shared",
    ) -> None:
        super().__init__(update_every, on)
        self.primary = checked_primary(primary)
        self.hard = hard

    def build(
        self,
        num_tasks: int,
        task_names: tuple[str, ...] = (),
        shapes: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        """Make the state, and find the primary tasks; see `Balancer.build`."""
        super().build(num_tasks, task_names, shapes)
        self._primary = primary_mask(self.primary, num_tasks, self.task_names)

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return 1 for primary tasks and the gate for others."""
        cosines, norms, _ = equilibrate(ops, gramian, present)
        chosen = ops.cast(ops.convert_to_tensor(self._primary), norms.dtype)
        summed = ops.where(present, chosen * norms, 0.0)
        inner = ops.matmul(cosines, summed)
        squared = ops.sum(inner * summed)
        length = ops.sqrt(ops.where(squared > 0, squared, 1.0))
        cosine = ops.where(squared > 0, inner / length, 0.0)
        gate = ops.cast(cosine >= 0, norms.dtype) if self.hard else cosine
        gate = ops.clip(gate, 0.0, 1.0)
        return ops.where(chosen > 0, 1.0, gate), {}
