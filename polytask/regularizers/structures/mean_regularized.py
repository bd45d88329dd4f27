"""Tasks that stay close to their mean."""

import numpy as np

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.structures.task_structure import TaskStructure


@polytask_export("polytask.regularizers.MeanRegularized")
class MeanRegularized(TaskStructure):
    """(λ/2) Σ_t ‖w_t - w̄‖² + (μ/2) ‖W‖²: many near-identical tasks, little data each.

    λ = 0 trains independent tasks, λ → ∞ one model for all.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        ridge: μ, at least 0. Defaults to 0.0.

    Raises:
        UserError: If a strength is negative or not finite.

    Source:
        Evgeniou and Pontil, "Regularized multi-task learning", KDD 2004.

    Example:
        >>> from keras import ops
        >>> w = MeanRegularized(3.0).prox(ops.array([[1.0, 3.0, 5.0]]), step=1.0)
        >>> ops.convert_to_numpy(w).tolist()
        [[2.5, 3.0, 3.5]]
    """

    has_prox = True
    metric = "scalar"
    smooth = True
    needs_equal_widths = True
    strengths = ("strength", "ridge")

    def __init__(self, strength: float = 0.01, ridge: float = 0.0) -> None:
        self.strength = checked_strength(strength, "MeanRegularized")
        self.ridge = checked_strength(ridge, "MeanRegularized", "ridge")

    def task_matrix(self, num_tasks: int) -> np.ndarray:
        """Return λ (I - 11ᵀ/T) + μ I."""
        eye = np.eye(num_tasks)
        return self.strength * (eye - 1.0 / num_tasks) + self.ridge * eye

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        deviation = w - xp.mean(w, axis=-1, keepdims=True)
        pull = 0.5 * self.strength * xp.sum(xp.square(deviation))
        return pull + 0.5 * self.ridge * xp.sum(xp.square(w))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        mean = xp.mean(w, axis=-1, keepdims=True)
        ridge = step * self.ridge / metric
        return mean / (1 + ridge) + (w - mean) / (
            1 + ridge + step * self.strength / metric
        )

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        deviation = w - xp.mean(w, axis=-1, keepdims=True)
        pull = self.strength * deviation + self.ridge * w
        return xp.max(xp.abs(gradient + pull))
