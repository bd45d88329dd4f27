"""The ridge penalty."""

import numpy as np

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.regularizers._checks import checked_strength
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

    def task_matrix(self, num_tasks: int) -> np.ndarray:
        """Return λ I."""
        return self.strength * np.eye(num_tasks)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return 0.5 * self.strength * xp.sum(xp.square(w))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return metric * w / (metric + step * self.strength)

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        return xp.max(xp.abs(gradient + self.strength * w))
