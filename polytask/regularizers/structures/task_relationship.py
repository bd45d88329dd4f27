"""Learning which tasks help each other."""

from typing import Any

import numpy as np
from keras import ops

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor, in_single
from polytask.numeric.prox import (
    exclusive_soft_threshold,
    map_singular_values,
    nuclear_norm,
    thin_svd,
)
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.groups import as_matrix
from polytask.regularizers.regularizer import Regularizer
from polytask.regularizers.structures.task_structure import TaskStructure


@polytask_export("polytask.regularizers.TaskRelationship")
class TaskRelationship(TaskStructure):
    """(λ/2) min_Ω tr(W Ω⁻¹ Wᵀ) + (μ/2) ‖W‖²: learned task covariance Ω, tr Ω = 1.

    The best Ω is (WᵀW)^½ / tr (WᵀW)^½ and the minimum is the squared trace norm, so
    the penalty is used in that form: exact, with a prox, and without inverting Ω. What
    it adds to `TraceNorm` is `correlation`, which shows negative relations as well.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        ridge: μ, at least 0. Defaults to 0.0.

    Raises:
        UserError: If a strength is negative or not finite.

    Source:
        Zhang and Yeung, "A Convex Formulation for Learning Task Relationships in
        Multi-Task Learning", UAI 2010.

    Example:
        >>> import numpy as np
        >>> w = np.array([[1.0, 1.0, -1.0], [0.5, 0.5, -0.5]], dtype="float32")
        >>> np.round(TaskRelationship().correlation(w), 2).tolist()
        [[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
    """

    has_prox = True
    metric = "scalar"
    may_fail = True
    needs_equal_widths = True
    strengths = ("strength", "ridge")

    def __init__(self, strength: float = 0.01, ridge: float = 0.0) -> None:
        self.strength = checked_strength(strength, "TaskRelationship")
        self.ridge = checked_strength(ridge, "TaskRelationship", "ridge")

    def covariance(self, w: Any) -> np.ndarray:
        """Return the best Ω for these weights.

        Args:
            w: The stack of the tasks' weights, last axis tasks.

        Returns:
            Matrix (tasks, tasks) with trace 1; NaN if all weights are zero.
        """
        _, s, vt = thin_svd(ops, as_matrix(ops, in_single(w)))
        values = ops.convert_to_numpy(s).astype("float64")
        vectors = ops.convert_to_numpy(vt).astype("float64")
        with np.errstate(invalid="ignore"):
            covariance: np.ndarray = (vectors.T * values) @ vectors / values.sum()
        return covariance

    def correlation(self, w: Any) -> np.ndarray:
        """Return the task-correlation matrix Ω_st / √(Ω_ss Ω_tt).

        Args:
            w: The stack of the tasks' weights, last axis tasks.

        Returns:
            Matrix (tasks, tasks) with entries from -1 to 1; NaN in the rows and
            columns of tasks whose weights are all zero.
        """
        covariance = self.covariance(w)
        scale = np.sqrt(np.diag(covariance))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.clip(covariance / np.outer(scale, scale), -1.0, 1.0)

    def without_ridge(self) -> tuple[Regularizer, float]:
        """Return the squared trace norm, and μ."""
        return TaskRelationship(self.strength), self.ridge

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        trace_norm = nuclear_norm(xp, as_matrix(xp, w))
        ridge = 0.5 * self.ridge * xp.sum(xp.square(w))
        return 0.5 * self.strength * xp.square(trace_norm) + ridge

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        shrink = 1 / (1 + step * self.ridge / metric)
        strength = step * self.strength / metric * shrink
        matrix = map_singular_values(
            xp,
            as_matrix(xp, w),
            lambda s: exclusive_soft_threshold(
                xp, s * shrink, strength, xp.ones_like(strength)
            ),
        )
        return xp.reshape(matrix, w.shape)
