"""The sum of the logarithms of the losses, or of their roots."""

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.Log")
class Log(Balancer):
    """Minimize sum log loss_t: w_t = 1 / loss_t, so that no loss has a scale.

    A regression whose error is small has small gradients, of the size of its residuals:
    the square root of its loss. Divided by the loss they are as large as one over that
    root, and drown tasks whose loss cannot become small, such as a class that is hard
    to tell. With `power=0.5`, w_t = 1 / sqrt(loss_t), the gradients of all are of one
    size: what descends are root mean squared errors.

    Args:
        power: Of the losses that weights are divided by, from 0, their plain sum, to 1.
            Defaults to 1.0.
        update_every: See `Balancer`. Defaults to 1.

    Raises:
        UserError: If `power` is outside of 0 to 1.

    Source:
        B. Lin et al. (2023), Dual-balancing for multi-task learning (its loss part).

    Example:
        >>> weights = Log().weights([0.5, 2.0])
        >>> [float(w) for w in weights]
        [2.0, 0.5]
        >>> weights = Log(power=0.5).weights([0.25, 4.0])
        >>> [float(w) for w in weights]
        [2.0, 0.5]
    """

    positive_losses = True

    def __init__(self, power: float = 1.0, update_every: int = 1) -> None:
        super().__init__(update_every)
        self.power = checked_number(power, "power", "Log", at_least=0.0, at_most=1.0)

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return one over the losses' power."""
        return losses**-self.power, {}
