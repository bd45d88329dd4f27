"""Methods on the Gramian that take a preference between the tasks."""

from collections.abc import Sequence
from typing import Any

from polytask._export import polytask_export
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.balancing.preference import (
    check_one_for_each,
    per_task,
    positive_numbers,
)
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.PreferenceBalancer")
class PreferenceBalancer(GramianBalancer):
    """Base of methods that start from a weighted sum of the gradients.

    Args:
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".
        preference: One positive number per task. Defaults to None: 1 each.

    Raises:
        UserError: If a number is not positive, or their number is not that of the
            tasks.

    Example:
        >>> from polytask.balancing import UPGrad
        >>> UPGrad(preference=[2, 1]).preference
        [2.0, 1.0]
    """

    def __init__(
        self,
        update_every: int = 1,
        on: str = "shared",
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(update_every, on)
        self.preference = positive_numbers("preference", preference)

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Check the number of preferences; there is no state."""
        check_one_for_each(self, num_tasks, preference=self.preference)
        return {}

    def preferred(self, ops: Namespace, like: Tensor) -> Tensor:
        """Return the preference as a (T,) vector of the dtype of `like`."""
        return per_task(ops, self.preference, like, 1.0)
