"""The sparse group lasso."""

from typing import Any

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm
from polytask.numeric.prox import (
    group_soft_threshold,
    soft_threshold,
    sparse_group_dual_norm,
)
from polytask.regularizers._checks import checked_number, checked_strength
from polytask.regularizers.distances import directions, entry_distances
from polytask.regularizers.groups import (
    ROW_GROUPS,
    checked_groups,
    group_rows,
    group_scale,
)
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
    is_norm = True

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

    def _parts(self, w: Tensor) -> tuple[tuple[int, ...], Any, Any]:
        axes, scale = group_scale(w, self.groups, self.scale_by_size)
        l1 = self.strength * self.l1_ratio
        return axes, l1, self.strength * (1 - self.l1_ratio) * scale

    def separable_strengths(self, num_tasks: int) -> tuple[float, float] | None:
        """Return both strengths, where the rows are the groups."""
        if self.groups not in ROW_GROUPS:
            return None
        scale = num_tasks**0.5 if self.scale_by_size else 1.0
        l1 = self.strength * self.l1_ratio
        return l1, self.strength * (1 - self.l1_ratio) * scale

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        axes, l1, group = self._parts(w)
        return l1 * xp.sum(xp.abs(w)) + group * xp.sum(safe_norm(xp, w, axes))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        axes, l1, group = self._parts(w)
        shrunk = soft_threshold(xp, w, step * l1 / metric)
        return group_soft_threshold(xp, shrunk, step * group, metric, axes)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        _, scale = group_scale(gradient, self.groups, self.scale_by_size)
        rows = group_rows(xp, gradient, self.groups)
        group = (1 - self.l1_ratio) * scale
        return xp.max(sparse_group_dual_norm(xp, rows, self.l1_ratio, group))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        axes, l1, group = self._parts(w)
        removed, direction = directions(xp, w, axes)
        shrunk = soft_threshold(xp, gradient, l1)
        at_zero = xp.maximum(safe_norm(xp, shrunk, axes, keepdims=True) - group, 0.0)
        slope = gradient + group * direction
        elsewhere = entry_distances(xp, w, slope, l1)
        return xp.max(xp.where(removed, at_zero, elsewhere))
