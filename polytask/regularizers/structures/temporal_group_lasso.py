"""The same target at successive horizons."""

import numpy as np
from keras import ops

from polytask._export import polytask_export
from polytask.numeric.prox.metric_group import metric_group_soft_threshold
from polytask.regularizers._checks import checked_strength
from polytask.regularizers._tensor import Tensor, safe_norm
from polytask.regularizers.group_distance import group_distance
from polytask.regularizers.structures.task_graph import TaskGraph
from polytask.regularizers.structures.task_structure import TaskStructure


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

    def _spectrum(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return the curvatures of the quadratic part, and its eigenbasis."""
        num_tasks = int(w.shape[-1])
        graph = TaskGraph("TemporalGroupLasso", "chain", None, None)
        values, vectors = np.linalg.eigh(graph.laplacian(num_tasks))
        values = ops.convert_to_tensor(np.maximum(values, 0.0), dtype=w.dtype)
        return (
            self.smoothness * values + self.ridge,
            ops.convert_to_tensor(vectors, dtype=w.dtype),
        )

    def _value(self, w: Tensor) -> Tensor:
        jumps = ops.sum(ops.square(w[..., 1:] - w[..., :-1]))
        return (
            self.strength * ops.sum(safe_norm(w, (-1,)))
            + 0.5 * self.smoothness * jumps
            + 0.5 * self.ridge * ops.sum(ops.square(w))
        )

    def _prox(self, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        curvature, basis = self._spectrum(w)
        scale = metric + step * curvature
        center = ops.matmul(self._as_matrix(w), basis) * (metric / scale)
        rotated = metric_group_soft_threshold(
            center, step * self.strength, scale * ops.ones_like(center), (-1,)
        )
        return ops.reshape(ops.matmul(rotated, ops.transpose(basis)), w.shape)

    def _lambda_max(self, gradient: Tensor) -> Tensor:
        return ops.max(safe_norm(gradient, (-1,)))

    def _distance(self, w: Tensor, gradient: Tensor) -> Tensor:
        curvature, basis = self._spectrum(w)
        matrix = self._as_matrix(w)
        rotated = ops.matmul(matrix, basis) * curvature
        pull = ops.matmul(rotated, ops.transpose(basis))
        slope = self._as_matrix(gradient) + pull
        return group_distance(matrix, slope, self.strength, (-1,))
