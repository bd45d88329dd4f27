"""Methods that make one number of the losses above an ideal point."""

from collections.abc import Sequence
from typing import Any

from polytask.balancing.balancer import Balancer
from polytask.balancing.preference import (
    check_one_for_each,
    finite_numbers,
    per_task,
    positive_numbers,
)
from polytask.numeric.namespace import Namespace, Tensor


class Scalarization(Balancer):
    """Base of methods that measure the losses from an ideal point, by a preference.

    Args:
        preference: One positive number per task; None: 1 each.
        ideal: The smallest loss that each task can reach; None: 0 each.
        update_every: See `Balancer`.

    Raises:
        UserError: If a preference is not positive, a number not finite, or their
            number not that of the tasks.
    """

    def __init__(
        self,
        preference: Sequence[float] | None,
        ideal: Sequence[float] | None,
        update_every: int,
    ) -> None:
        super().__init__(update_every)
        self.preference = positive_numbers("preference", preference)
        self.ideal = finite_numbers("ideal", ideal)

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Check the numbers given per task; there is no state."""
        check_one_for_each(
            self, num_tasks, preference=self.preference, ideal=self.ideal
        )
        return {}

    def preferred(self, ops: Namespace, losses: Tensor) -> Tensor:
        """Return the preference as a (T,) vector of the dtype of the losses."""
        return per_task(ops, self.preference, losses, 1.0)

    def above_ideal(self, ops: Namespace, losses: Tensor) -> Tensor:
        """Return the (T,) losses less what each can reach."""
        return losses - per_task(ops, self.ideal, losses, 0.0)
