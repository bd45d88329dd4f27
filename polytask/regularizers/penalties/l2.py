"""The ridge penalty."""

from keras import ops

from polytask._export import polytask_export
from polytask.regularizers._checks import checked_strength
from polytask.regularizers._tensor import Tensor
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.L2")
class L2(Regularizer):
    """(λ/2) Σw²: all weights shrink, none becomes zero (ridge).

    Note the ½: `L2(λ)` equals `keras.regularizers.L2(λ / 2)`.

    Args:
        strength: λ, at least 0. Defaults to 0.01; 1e-5 to 1e-3 is usual for deep
            networks.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Hoerl and Kennard, "Ridge Regression", Technometrics 1970; Krogh and Hertz,
        "A Simple Weight Decay Can Improve Generalization", NIPS 1991.

    Example:
        >>> float(L2(1.0)([3.0, 4.0]))
        12.5
    """

    has_prox = True
    smooth = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "L2")

    def _value(self, w: Tensor) -> Tensor:
        return 0.5 * self.strength * ops.sum(ops.square(w))

    def _prox(self, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return metric * w / (metric + step * self.strength)

    def _distance(self, w: Tensor, gradient: Tensor) -> Tensor:
        return ops.max(ops.abs(gradient + self.strength * w))
