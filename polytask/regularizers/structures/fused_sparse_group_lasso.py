"""Successive horizons with piecewise constant, sparse weights."""

from keras import ops

from polytask._export import polytask_export
from polytask.numeric.prox.group import group_soft_threshold
from polytask.numeric.prox.soft_threshold import soft_threshold
from polytask.numeric.prox.total_variation import total_variation
from polytask.regularizers._checks import checked_strength
from polytask.regularizers._tensor import Tensor, safe_norm
from polytask.regularizers.critical_strength import critical_strength
from polytask.regularizers.structures.task_structure import TaskStructure


@polytask_export("polytask.regularizers.FusedSparseGroupLasso")
class FusedSparseGroupLasso(TaskStructure):
    """λ‖W‖₂,₁ + δ Σ_t ‖w_(t+1) - w_t‖₁ + μ‖W‖₁: features enter and leave (cFSGL).

    Tasks are in the order of time.

    Args:
        strength: λ of the joint feature selection, at least 0. Defaults to 0.01.
        fusion: δ, at least 0. Defaults to 0.01.
        l1: μ, at least 0. Defaults to 0.0.

    Raises:
        UserError: If a strength is negative or not finite.

    Source:
        Zhou, Liu, Narayan and Ye, "Modeling Disease Progression via Fused Sparse
        Group Lasso", KDD 2012.

    Example:
        >>> from keras import ops
        >>> penalty = FusedSparseGroupLasso(0.0, fusion=1.0)
        >>> w = penalty.prox(ops.array([[0.0, 6.0, 6.0]]), step=1.0)
        >>> ops.convert_to_numpy(w).tolist()
        [[1.0, 5.5, 5.5]]
    """

    has_prox = True
    metric = "scalar"
    needs_equal_widths = True
    strengths = ("strength", "fusion", "l1")

    def __init__(
        self, strength: float = 0.01, fusion: float = 0.01, l1: float = 0.0
    ) -> None:
        owner = "FusedSparseGroupLasso"
        self.strength = checked_strength(strength, owner)
        self.fusion = checked_strength(fusion, owner, "fusion")
        self.l1 = checked_strength(l1, owner, "l1")

    def _value(self, w: Tensor) -> Tensor:
        return (
            self.strength * ops.sum(safe_norm(w, (-1,)))
            + self.fusion * ops.sum(ops.abs(w[..., 1:] - w[..., :-1]))
            + self.l1 * ops.sum(ops.abs(w))
        )

    def _prox(self, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        step = step / metric
        one = ops.ones((), dtype=w.dtype)
        fused = total_variation(w, step * self.fusion, one)
        sparse = soft_threshold(fused, step * self.l1)
        return group_soft_threshold(sparse, step * self.strength, (-1,))

    def _lambda_max(self, gradient: Tensor) -> Tensor:
        if self.strength == 0:
            return super()._lambda_max(gradient)

        def is_zero(strength: Tensor) -> Tensor:
            step = strength / self.strength
            one = ops.ones((), dtype=gradient.dtype)
            return ops.all(self._prox(gradient, step, one) == 0)

        return critical_strength(is_zero, ops.max(ops.abs(gradient)))
