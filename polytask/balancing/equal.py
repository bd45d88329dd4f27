"""All tasks alike."""

from typing import Any

from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State


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
        self, ops: Any, losses: Any, gramian: Any, present: Any, state: State
    ) -> tuple[Any, State]:
        """Return ones."""
        return ops.ones_like(losses), {}
