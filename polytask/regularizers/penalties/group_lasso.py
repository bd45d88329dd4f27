"""The group lasso on the inputs, units, channels or filters of a layer."""

import math

from keras import ops

from polytask._export import polytask_export
from polytask.numeric.prox.group import group_soft_threshold
from polytask.numeric.prox.metric_group import metric_group_soft_threshold
from polytask.regularizers._checks import checked_strength
from polytask.regularizers._tensor import Tensor, safe_norm
from polytask.regularizers.group_distance import group_distance
from polytask.regularizers.groups import checked_groups, group_axes, group_size
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.GroupLasso")
class GroupLasso(Regularizer):
    """λ Σ_g √|g| ‖w_g‖₂: whole inputs, units, channels or filters become zero.

    Right before a batch normalization a group keeps its function until its norm is
    exactly zero, because the normalization undoes any shrinking; put the penalty on
    the layer after it.

    Args:
        strength: λ, at least 0. Defaults to 0.01; a ratio of 0.01 to 0.3 to
            `lambda_max` is usual.
        groups: What is removed as one: `"inputs"` (of a Dense layer), `"units"`,
            `"channels"` or `"filters"` (of a convolution: its inputs and outputs),
            or `"all"`, the whole tensor. Defaults to `"inputs"`.
        scale_by_size: Whether the factor √|g| is applied, which makes strengths
            comparable between layers. Defaults to True.

    Raises:
        UserError: If the strength is negative or not finite, or the groups unknown.

    Source:
        Yuan and Lin, "Model selection and estimation in regression with grouped
        variables", JRSS-B 2006; Wen et al., "Learning Structured Sparsity in Deep
        Neural Networks", NIPS 2016; Scardapane et al., "Group sparse regularization
        for deep neural networks", Neurocomputing 2017.

    Example:
        >>> from keras import ops
        >>> penalty = GroupLasso(1.0, groups="inputs", scale_by_size=False)
        >>> w = penalty.prox(ops.array([[3.0, 4.0], [0.3, 0.4]]), step=2.5)
        >>> ops.convert_to_numpy(w).tolist()
        [[1.5, 2.0], [0.0, 0.0]]
    """

    has_prox = True

    def __init__(
        self,
        strength: float = 0.01,
        groups: str = "inputs",
        scale_by_size: bool = True,
    ) -> None:
        self.strength = checked_strength(strength, "GroupLasso")
        self.groups = checked_groups(groups, "GroupLasso")
        self.scale_by_size = bool(scale_by_size)

    def _axes_and_size(self, w: Tensor) -> tuple[tuple[int, ...], float]:
        axes = group_axes(w, self.groups)
        return axes, math.sqrt(group_size(w, axes)) if self.scale_by_size else 1.0

    def _value(self, w: Tensor) -> Tensor:
        axes, size = self._axes_and_size(w)
        return self.strength * size * ops.sum(safe_norm(w, axes))

    def _prox(self, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        axes, size = self._axes_and_size(w)
        threshold = step * self.strength * size
        if len(metric.shape) == 0:
            return group_soft_threshold(w, threshold / metric, axes)
        return metric_group_soft_threshold(w, threshold, metric, axes)

    def _lambda_max(self, gradient: Tensor) -> Tensor:
        axes, size = self._axes_and_size(gradient)
        return ops.max(safe_norm(gradient, axes)) / size

    def _distance(self, w: Tensor, gradient: Tensor) -> Tensor:
        axes, size = self._axes_and_size(w)
        return group_distance(w, gradient, self.strength * size, axes)
