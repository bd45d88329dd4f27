"""The count of non-zero weights."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import hard_threshold
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.L0")
class L0(Regularizer):
    """λ · (number of non-zero weights): hard threshold, magnitude pruning.

    The gradient of the value is zero everywhere, so this penalty acts only where its
    prox runs, inside `polytask.MultiTaskModel`. A weight stays while its square
    exceeds 2 · step · λ.

    Args:
        strength: λ, at least 0. Defaults to 0.01.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Blumensath and Davies, "Iterative Thresholding for Sparse Approximations",
        J. Fourier Anal. Appl. 2008.

    Example:
        >>> from keras import ops
        >>> w = L0(0.5).prox(ops.array([0.9, -1.1]), step=1.0)
        >>> [round(x, 2) for x in ops.convert_to_numpy(w).tolist()]
        [0.0, -1.1]
    """

    has_prox = True
    prox_only = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "L0")

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * xp.sum(xp.cast(w != 0, w.dtype))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return hard_threshold(xp, w, step * self.strength / metric)

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        # Every gradient is a limiting subgradient at zero; elsewhere Ω is flat.
        return xp.max(xp.where(w == 0, xp.zeros_like(w), xp.abs(gradient)))
