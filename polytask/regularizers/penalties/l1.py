"""The lasso penalty."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import soft_threshold
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.distances import entry_distances
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.L1")
class L1(Regularizer):
    """λ Σ|w|: single weights become exactly zero (lasso).

    Args:
        strength: λ, at least 0. Defaults to 0.01, as in Keras; 1e-5 to 1e-3 is usual
            for deep networks.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Tibshirani, "Regression Shrinkage and Selection via the Lasso", JRSS-B 1996.

    Example:
        >>> from keras import ops
        >>> w = L1(1.0).prox(ops.array([3.0, -0.5, 1.0, -2.0]), step=0.75)
        >>> ops.convert_to_numpy(w).tolist()
        [2.25, 0.0, 0.25, -1.25]
    """

    has_prox = True
    is_norm = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "L1")

    def separable_strengths(self, num_tasks: int) -> tuple[float, float]:
        """Return λ for the entries."""
        return self.strength, 0.0

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * xp.sum(xp.abs(w))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return soft_threshold(xp, w, step * self.strength / metric)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        return xp.max(xp.abs(gradient))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        return xp.max(entry_distances(xp, w, gradient, self.strength))
