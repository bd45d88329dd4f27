"""Smooth Tchebycheff scalarization."""

from collections.abc import Sequence

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.masked import count_of, masked_softmax
from polytask.balancing.scalarization import Scalarization
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.STCH")
class STCH(Scalarization):
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
        super().__init__(preference, ideal, update_every)
        self.mu = checked_number(mu, "mu", "STCH", above=0.0)

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return the gradient of the smooth maximum, times T."""
        preference = self.preferred(ops, losses)
        scores = preference * self.above_ideal(ops, losses) / self.mu
        share = masked_softmax(ops, scores, present)
        return preference * share * count_of(ops, present), {}
