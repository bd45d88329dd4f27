"""The minimax concave penalty."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import mcp_threshold
from polytask.regularizers._checks import checked_number, checked_strength
from polytask.regularizers.distances import entry_distances
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.MCP")
class MCP(Regularizer):
    """λ|w| - w²/(2g) up to |w| = g·λ, flat beyond: zeros without L1's shrinkage.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        gamma: g, above 0; larger is closer to L1. Defaults to 3.0.

    Raises:
        UserError: If a number is out of range.

    Source:
        Zhang, "Nearly unbiased variable selection under minimax concave penalty",
        Ann. Stat. 2010.

    Example:
        >>> from keras import ops
        >>> w = MCP(1.0, gamma=3.0).prox(ops.array([0.5, 1.5, 2.5, 5.0]), step=1.0)
        >>> [round(x, 4) for x in ops.convert_to_numpy(w).tolist()]
        [0.0, 0.75, 2.25, 5.0]
    """

    has_prox = True

    def __init__(self, strength: float = 0.01, gamma: float = 3.0) -> None:
        self.strength = checked_strength(strength, "MCP")
        self.gamma = checked_number(gamma, "gamma", "MCP", above=0.0)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        size = xp.minimum(xp.abs(w), self.gamma * self.strength)
        return xp.sum(self.strength * size - xp.square(size) / (2 * self.gamma))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return mcp_threshold(xp, w, self.strength, self.gamma, step / metric)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        return xp.max(xp.abs(gradient))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        slope = xp.maximum(self.strength - xp.abs(w) / self.gamma, 0.0)
        return xp.max(entry_distances(xp, w, gradient, slope))
