"""Smooth Tchebycheff scalarization."""

from collections.abc import Sequence
from typing import Any

from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State
from polytask.balancing.masked import count_of, masked_softmax
from polytask.balancing.preference import (
    check_one_for_each,
    per_task,
    positive_numbers,
)
from polytask.errors import UserError


@polytask_export("polytask.balancing.STCH")
class STCH(Balancer):
    """Minimize mu log sum exp(p_t (loss_t - ideal_t) / mu): a smooth maximum.

    Args:
        mu: Smoothness; towards 0 only the worst task counts. In units of the losses.
            Defaults to 1.
        preference: One positive number p_t per task. Defaults to None: 1 each.
        ideal: The smallest loss that each task can reach. Defaults to None: 0 each.
        update_every: See `Balancer`. Defaults to 1.

    Source:
        X. Lin et al. (2024), Smooth Tchebycheff scalarization for multi-objective
        optimization.

    Example:
        >>> weights = STCH().weights([0.0, 1.0986123])
        >>> [round(float(w), 4) for w in weights]
        [0.5, 1.5]
    """

    def __init__(
        self,
        mu: float = 1.0,
        preference: Sequence[float] | None = None,
        ideal: Sequence[float] | None = None,
        update_every: int = 1,
    ) -> None:
        super().__init__(update_every)
        if mu <= 0:
            raise UserError(f"mu must be positive; found {mu!r}.")
        self.mu = mu
        self.preference = positive_numbers("preference", preference)
        self.ideal = None if ideal is None else [float(z) for z in ideal]

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Check the numbers given per task; there is no state."""
        check_one_for_each(
            self, num_tasks, preference=self.preference, ideal=self.ideal
        )
        return {}

    def compute(
        self, ops: Any, losses: Any, gramian: Any, present: Any, state: State
    ) -> tuple[Any, State]:
        """Return the gradient of the smooth maximum, times T."""
        preference = per_task(ops, self.preference, losses, 1.0)
        losses = losses - per_task(ops, self.ideal, losses, 0.0)
        share = masked_softmax(ops, preference * losses / self.mu, present)
        return preference * share * count_of(ops, present), {}
