"""The sparse group lasso."""

import math

from keras import ops

from polytask._export import polytask_export
from polytask.numeric.prox.group import group_soft_threshold
from polytask.numeric.prox.metric_group import metric_group_soft_threshold
from polytask.numeric.prox.soft_threshold import soft_threshold
from polytask.regularizers._checks import checked_number, checked_strength
from polytask.regularizers._tensor import Tensor, safe_norm
from polytask.regularizers.critical_strength import critical_strength
from polytask.regularizers.groups import checked_groups, group_axes, group_size
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.SparseGroupLasso")
class SparseGroupLasso(Regularizer):
    """λ (r Σ|w| + (1 - r) Σ_g √|g| ‖w_g‖₂): select groups, then weights inside.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        l1_ratio: r, between 0 (group lasso) and 1 (lasso). Defaults to 0.5.
        groups: What is removed as one, as in `GroupLasso`. Defaults to `"inputs"`.
        scale_by_size: Whether the factor √|g| is applied. Defaults to True.

    Raises:
        UserError: If a number is out of range or the groups are unknown.

    Source:
        Simon, Friedman, Hastie and Tibshirani, "A Sparse-Group Lasso", J. Comput.
        Graph. Stat. 2013.

    Example:
        >>> from keras import ops
        >>> penalty = SparseGroupLasso(2.0, groups="all", scale_by_size=False)
        >>> w = penalty.prox(ops.array([3.0, 4.0, 0.5]), step=1.0)
        >>> [round(x, 3) for x in ops.convert_to_numpy(w).tolist()]
        [1.445, 2.168, 0.0]
    """

    has_prox = True

    def __init__(
        self,
        strength: float = 0.01,
        l1_ratio: float = 0.5,
        groups: str = "inputs",
        scale_by_size: bool = True,
    ) -> None:
        owner = "SparseGroupLasso"
        self.strength = checked_strength(strength, owner)
        self.l1_ratio = checked_number(
            l1_ratio, "l1_ratio", owner, at_least=0.0, at_most=1.0
        )
        self.groups = checked_groups(groups, owner)
        self.scale_by_size = bool(scale_by_size)

    def _parts(self, w: Tensor) -> tuple[tuple[int, ...], float, float]:
        axes = group_axes(w, self.groups)
        size = math.sqrt(group_size(w, axes)) if self.scale_by_size else 1.0
        l1 = self.strength * self.l1_ratio
        return axes, l1, self.strength * (1 - self.l1_ratio) * size

    def _value(self, w: Tensor) -> Tensor:
        axes, l1, group = self._parts(w)
        return l1 * ops.sum(ops.abs(w)) + group * ops.sum(safe_norm(w, axes))

    def _prox(self, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        axes, l1, group = self._parts(w)
        shrunk = soft_threshold(w, step * l1 / metric)
        if len(metric.shape) == 0:
            return group_soft_threshold(shrunk, step * group / metric, axes)
        return metric_group_soft_threshold(shrunk, step * group, metric, axes)

    def _lambda_max(self, gradient: Tensor) -> Tensor:
        axes = group_axes(gradient, self.groups)
        size = math.sqrt(group_size(gradient, axes)) if self.scale_by_size else 1.0

        def is_zero(strength: Tensor) -> Tensor:
            excess = soft_threshold(gradient, strength * self.l1_ratio)
            bound = strength * ((1 - self.l1_ratio) * size)
            return ops.all(safe_norm(excess, axes) <= bound)

        return critical_strength(is_zero, ops.max(ops.abs(gradient)))

    def _distance(self, w: Tensor, gradient: Tensor) -> Tensor:
        axes, l1, group = self._parts(w)
        norm = safe_norm(w, axes, keepdims=True)
        removed = norm == 0
        direction = w / ops.where(removed, ops.ones_like(norm), norm)
        entry = ops.where(
            w == 0,
            ops.maximum(ops.abs(gradient) - l1, 0),
            ops.abs(gradient + l1 * ops.sign(w) + group * direction),
        )
        excess = safe_norm(soft_threshold(gradient, l1), axes, keepdims=True) - group
        return ops.max(ops.where(removed, ops.maximum(excess, 0), entry))
