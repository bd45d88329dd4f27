"""Successive horizons with piecewise constant, sparse weights."""

from polytask._export import polytask_export
from polytask.numeric.bisection import critical_number
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm
from polytask.numeric.prox import group_soft_threshold, soft_threshold, total_variation
from polytask.regularizers._checks import checked_strength
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

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return (
            self.strength * xp.sum(safe_norm(xp, w, (-1,)))
            + self.fusion * xp.sum(xp.abs(w[..., 1:] - w[..., :-1]))
            + self.l1 * xp.sum(xp.abs(w))
        )

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        step = step / metric
        one = xp.ones((), dtype=w.dtype)
        fused = total_variation(xp, w, step * self.fusion, one)
        sparse = soft_threshold(xp, fused, step * self.l1)
        return group_soft_threshold(xp, sparse, step * self.strength, one, (-1,))

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor | None:
        if self.strength == 0:
            return None

        def is_zero(strength: Tensor) -> Tensor:
            step = strength / self.strength
            one = xp.ones((), dtype=gradient.dtype)
            return xp.all(self._prox(xp, gradient, step, one) == 0)

        return critical_number(xp, is_zero, xp.max(xp.abs(gradient)))
