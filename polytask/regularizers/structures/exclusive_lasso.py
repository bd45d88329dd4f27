"""Tasks that compete for features."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import exclusive_soft_threshold
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.distances import entry_distances
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

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        rows = xp.sum(xp.abs(w), axis=-1)
        return 0.5 * self.strength * xp.sum(xp.square(rows))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return exclusive_soft_threshold(xp, w, step * self.strength, metric)

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        slope = self.strength * xp.sum(xp.abs(w), axis=-1, keepdims=True)
        return xp.max(entry_distances(xp, w, gradient, slope))
