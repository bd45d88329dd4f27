"""The same target at successive horizons."""

import numpy as np

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm
from polytask.numeric.prox import group_soft_threshold
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.distances import group_distance
from polytask.regularizers.groups import as_matrix
from polytask.regularizers.regularizer import Regularizer
from polytask.regularizers.structures.task_graph import TaskGraph
from polytask.regularizers.structures.task_structure import TaskStructure

_CHAIN = TaskGraph("TemporalGroupLasso", "chain", None, None)


@polytask_export("polytask.regularizers.TemporalGroupLasso")
class TemporalGroupLasso(TaskStructure):
    """λ‖W‖₂,₁ + (δ/2) Σ_t ‖w_(t+1) - w_t‖² + (μ/2)‖W‖²: disease progression (TGL).

    Tasks are in the order of time. In the eigenbasis of the chain the quadratic part
    is a diagonal metric, in which the row-wise prox is exact.

    Args:
        strength: λ of the joint feature selection, at least 0. Defaults to 0.01.
        smoothness: δ, at least 0. Defaults to 0.01.
        ridge: μ, at least 0. Defaults to 0.0.

    Raises:
        UserError: If a strength is negative or not finite.

    Source:
        Zhou, Yuan, Liu and Ye, "A Multi-Task Learning Formulation for Predicting
        Disease Progression", KDD 2011.

    Example:
        >>> from keras import ops
        >>> penalty = TemporalGroupLasso(1.0, smoothness=1.0)
        >>> w = penalty.prox(ops.array([[3.0, 4.0], [0.3, 0.4]]), step=1.0)
        >>> ops.convert_to_numpy(w)[1].tolist()
        [0.0, 0.0]
    """

    has_prox = True
    metric = "scalar"
    needs_equal_widths = True
    strengths = ("strength", "smoothness", "ridge")

    def __init__(
        self, strength: float = 0.01, smoothness: float = 0.01, ridge: float = 0.0
    ) -> None:
        owner = "TemporalGroupLasso"
        self.strength = checked_strength(strength, owner)
        self.smoothness = checked_strength(smoothness, owner, "smoothness")
        self.ridge = checked_strength(ridge, owner, "ridge")

    def without_ridge(self) -> tuple[Regularizer, float]:
        """Return the row norms and the differences, and μ."""
        return TemporalGroupLasso(self.strength, self.smoothness), self.ridge

    def task_matrix(self, num_tasks: int) -> np.ndarray | None:
        """Return the matrix of the quadratic part, if there is no other."""
        if self.strength > 0:
            return None
        quadratic = self.smoothness * _CHAIN.laplacian(num_tasks)
        return quadratic + self.ridge * np.eye(num_tasks)

    def separable_strengths(self, num_tasks: int) -> tuple[float, float] | None:
        """Return λ for the rows, if there is no quadratic part."""
        quadratic = self.smoothness > 0 or self.ridge > 0
        return None if quadratic else (0.0, self.strength)

    def _spectrum(self, xp: Namespace, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return the curvatures of the quadratic part, and its eigenbasis."""
        num_tasks = int(w.shape[-1])
        values, vectors = _CHAIN.spectrum(num_tasks)
        values = xp.convert_to_tensor(values, dtype=w.dtype)
        return (
            self.smoothness * values + self.ridge,
            xp.convert_to_tensor(vectors, dtype=w.dtype),
        )

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        jumps = xp.sum(xp.square(w[..., 1:] - w[..., :-1]))
        return (
            self.strength * xp.sum(safe_norm(xp, w, (-1,)))
            + 0.5 * self.smoothness * jumps
            + 0.5 * self.ridge * xp.sum(xp.square(w))
        )

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        curvature, basis = self._spectrum(xp, w)
        scale = metric + step * curvature
        center = xp.matmul(as_matrix(xp, w), basis) * (metric / scale)
        rotated = group_soft_threshold(
            xp, center, step * self.strength, scale * xp.ones_like(center), (-1,)
        )
        return xp.reshape(xp.matmul(rotated, xp.transpose(basis)), w.shape)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        return xp.max(safe_norm(xp, gradient, (-1,)))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        curvature, basis = self._spectrum(xp, w)
        matrix = as_matrix(xp, w)
        rotated = xp.matmul(matrix, basis) * curvature
        pull = xp.matmul(rotated, xp.transpose(basis))
        slope = as_matrix(xp, gradient) + pull
        return group_distance(xp, matrix, slope, self.strength, (-1,))
