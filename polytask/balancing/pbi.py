"""Penalty-based boundary intersection."""

from collections.abc import Sequence

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.masked import count_of
from polytask.balancing.scalarization import Scalarization
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.nonnegative import FLOAT32_EPSILON


@polytask_export("polytask.balancing.PBI")
class PBI(Scalarization):
    """Descend along a ray of losses, and pay for the distance from it.

    Minimizes d1 + theta d2, times the root of T: d1 is the length of loss - ideal along
    the preference, d2 the length of the rest. On the ray itself, where d2 has no
    gradient, d1 counts alone. A task that is ahead of the ray may have a negative
    weight.

    Args:
        theta: Price of the distance from the ray, 0 or more. Defaults to 5.
        preference: One positive number per task, the direction of the ray. Defaults to
            None: 1 each.
        ideal: The smallest loss that each task can reach. Defaults to None: 0 each.
        update_every: See `Balancer`. Defaults to 1.

    Raises:
        UserError: If `theta` or a preference is out of range, or their number is not
            that of the tasks.

    Source:
        Q. Zhang, H. Li (2007), MOEA/D: a multiobjective evolutionary algorithm based on
        decomposition.

    Example:
        >>> weights = PBI(theta=0.5).weights([1.0, 3.0])
        >>> [round(float(w), 4) for w in weights]
        [0.5, 1.5]
    """

    def __init__(
        self,
        theta: float = 5.0,
        preference: Sequence[float] | None = None,
        ideal: Sequence[float] | None = None,
        update_every: int = 1,
    ) -> None:
        super().__init__(preference, ideal, update_every)
        self.theta = checked_number(theta, "theta", "PBI", at_least=0.0)

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return the gradient by the losses."""
        ray = ops.where(present, self.preferred(ops, losses), 0.0)
        ray = ray / ops.sqrt(ops.sum(ray**2))
        above = ops.where(present, self.above_ideal(ops, losses), 0.0)
        above = above / _positive(ops, ops.max(ops.abs(above)))
        # The rest, ray_j (ray_j above_t - ray_t above_j) summed over j: what cancels
        # up to rounding is no distance from the ray.
        left = ray[None, :] * above[:, None]
        right = ray[:, None] * above[None, :]
        rounding = 2.0 * FLOAT32_EPSILON * (ops.abs(left) + ops.abs(right))
        apart = ops.where(ops.abs(left - right) > rounding, left - right, 0.0)
        rest = ops.sum(ray[None, :] * apart, axis=1)
        rest = rest / _positive(ops, ops.sqrt(ops.sum(rest**2)))
        root = ops.sqrt(count_of(ops, present))
        return root * (ray + self.theta * rest), {}


def _positive(ops: Namespace, x: Tensor) -> Tensor:
    """Return `x`, or 1 where it is 0."""
    return ops.where(x > 0, x, 1.0)
