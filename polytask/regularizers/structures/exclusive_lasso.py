"""Tasks that compete for features."""

from keras import ops

from polytask._export import polytask_export
from polytask.numeric.prox.exclusive import exclusive_soft_threshold
from polytask.regularizers._checks import checked_strength
from polytask.regularizers._tensor import Tensor
from polytask.regularizers.structures.task_structure import TaskStructure


@polytask_export("polytask.regularizers.ExclusiveLasso")
class ExclusiveLasso(TaskStructure):
    """(λ/2) Σ_i (Σ_t |w_it|)²: a feature used by one task is dear to the others.

    Args:
        strength: λ, at least 0. Defaults to 0.01.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Zhou, Jin and Hoi, "Exclusive Lasso for Multi-task Feature Selection",
        AISTATS 2010.

    Example:
        >>> from keras import ops
        >>> w = ExclusiveLasso(1.0).prox(ops.array([[3.0, 1.0, -2.0]]), step=1.0)
        >>> [round(x, 4) for x in ops.convert_to_numpy(w)[0].tolist()]
        [1.3333, 0.0, -0.3333]
    """

    has_prox = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "ExclusiveLasso")

    def _value(self, w: Tensor) -> Tensor:
        rows = ops.sum(ops.abs(w), axis=-1)
        return 0.5 * self.strength * ops.sum(ops.square(rows))

    def _prox(self, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return exclusive_soft_threshold(w, step * self.strength, metric)

    def _distance(self, w: Tensor, gradient: Tensor) -> Tensor:
        slope = self.strength * ops.sum(ops.abs(w), axis=-1, keepdims=True)
        at_zero = ops.maximum(ops.abs(gradient) - slope, 0)
        elsewhere = ops.abs(gradient + slope * ops.sign(w))
        return ops.max(ops.where(w == 0, at_zero, elsewhere))
