"""Joint feature selection across tasks."""

from keras import ops

from polytask._export import polytask_export
from polytask.numeric.prox.group import group_soft_threshold
from polytask.numeric.prox.metric_group import metric_group_soft_threshold
from polytask.regularizers._checks import checked_strength
from polytask.regularizers._tensor import Tensor, safe_norm
from polytask.regularizers.group_distance import group_distance
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

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "L21")

    def _value(self, w: Tensor) -> Tensor:
        return self.strength * ops.sum(safe_norm(w, _TASK_AXIS))

    def _prox(self, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        threshold = step * self.strength
        if len(metric.shape) == 0:
            return group_soft_threshold(w, threshold / metric, _TASK_AXIS)
        return metric_group_soft_threshold(w, threshold, metric, _TASK_AXIS)

    def _lambda_max(self, gradient: Tensor) -> Tensor:
        return ops.max(safe_norm(gradient, _TASK_AXIS))

    def _distance(self, w: Tensor, gradient: Tensor) -> Tensor:
        return group_distance(w, gradient, self.strength, _TASK_AXIS)
