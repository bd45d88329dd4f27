"""Joint feature selection across tasks."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm
from polytask.numeric.prox import group_soft_threshold
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.distances import group_distance
from polytask.regularizers.structures.task_structure import TaskStructure

_TASK_AXIS = (-1,)


@polytask_export("polytask.regularizers.L21")
class L21(TaskStructure):
    """λ Σ_i ‖wⁱ‖₂: all tasks keep, or drop, the same features.

    Args:
        strength: λ, at least 0. Defaults to 0.01. scikit-learn's `MultiTaskLasso`
            with `alpha` on the same inputs for all tasks has λ = 2·alpha when every
            task has its own mean squared error.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Obozinski, Taskar and Jordan, "Joint covariate selection and joint subspace
        selection for multiple classification problems", Stat. Comput. 2010; Argyriou,
        Evgeniou and Pontil, "Convex multi-task feature learning", ML 2008.

    Example:
        >>> from keras import ops
        >>> w = L21(1.0).prox(ops.array([[3.0, 4.0], [0.3, 0.4]]), step=2.5)
        >>> ops.convert_to_numpy(w).tolist()
        [[1.5, 2.0], [0.0, 0.0]]
    """

    has_prox = True
    is_norm = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "L21")

    def separable_strengths(self, num_tasks: int) -> tuple[float, float]:
        """Return λ for the rows."""
        return 0.0, self.strength

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * xp.sum(safe_norm(xp, w, _TASK_AXIS))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return group_soft_threshold(xp, w, step * self.strength, metric, _TASK_AXIS)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        return xp.max(safe_norm(xp, gradient, _TASK_AXIS))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        return group_distance(xp, w, gradient, self.strength, _TASK_AXIS)
