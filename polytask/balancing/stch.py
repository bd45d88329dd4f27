"""Smooth Tchebycheff scalarization."""

from collections.abc import Sequence
from typing import Any

from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State
from polytask.balancing.masked import count_of, masked_softmax
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
        if preference is not None and min(preference) <= 0:
            raise UserError(f"preference must be positive; found {list(preference)}.")
        self.mu = mu
        self.preference = None if preference is None else [float(p) for p in preference]
        self.ideal = None if ideal is None else [float(z) for z in ideal]

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Check the numbers given per task; there is no state."""
        for name in ("preference", "ideal"):
            given = getattr(self, name)
            if given is not None and len(given) != num_tasks:
                raise UserError(
                    f"STCH has {len(given)} numbers in {name} for {num_tasks} tasks; "
                    "give one for each."
                )
        return {}

    def compute(
        self, ops: Any, losses: Any, gramian: Any, present: Any, state: State
    ) -> tuple[Any, State]:
        """Return the gradient of the smooth maximum, times T."""
        preference = ops.ones_like(losses)
        if self.preference is not None:
            preference = ops.convert_to_tensor(self.preference, "float32")
        if self.ideal is not None:
            losses = losses - ops.convert_to_tensor(self.ideal, "float32")
        share = masked_softmax(ops, preference * losses / self.mu, present)
        return preference * share * count_of(ops, present), {}
