"""The lasso penalty."""

from keras import ops

from polytask._export import polytask_export
from polytask.numeric.prox.soft_threshold import soft_threshold
from polytask.regularizers._checks import checked_strength
from polytask.regularizers._tensor import Tensor
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

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "L1")

    def _value(self, w: Tensor) -> Tensor:
        return self.strength * ops.sum(ops.abs(w))

    def _prox(self, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return soft_threshold(w, step * self.strength / metric)

    def _lambda_max(self, gradient: Tensor) -> Tensor:
        return ops.max(ops.abs(gradient))

    def _distance(self, w: Tensor, gradient: Tensor) -> Tensor:
        at_zero = ops.maximum(ops.abs(gradient) - self.strength, 0)
        elsewhere = ops.abs(gradient + self.strength * ops.sign(w))
        return ops.max(ops.where(w == 0, at_zero, elsewhere))
