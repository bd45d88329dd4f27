"""The group lasso on the inputs, units, channels or filters of a layer."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm
from polytask.numeric.prox import group_soft_threshold
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.distances import group_distance
from polytask.regularizers.groups import ROW_GROUPS, checked_groups, group_scale
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
    is_norm = True

    def __init__(
        self,
        strength: float = 0.01,
        groups: str = "inputs",
        scale_by_size: bool = True,
    ) -> None:
        self.strength = checked_strength(strength, "GroupLasso")
        self.groups = checked_groups(groups, "GroupLasso")
        self.scale_by_size = bool(scale_by_size)

    def separable_strengths(self, num_tasks: int) -> tuple[float, float] | None:
        """Return λ √T for the rows, where they are the groups."""
        if self.groups not in ROW_GROUPS:
            return None
        return 0.0, self.strength * (num_tasks**0.5 if self.scale_by_size else 1.0)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        axes, scale = group_scale(w, self.groups, self.scale_by_size)
        return self.strength * scale * xp.sum(safe_norm(xp, w, axes))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        axes, scale = group_scale(w, self.groups, self.scale_by_size)
        threshold = step * self.strength * scale
        return group_soft_threshold(xp, w, threshold, metric, axes)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        axes, scale = group_scale(gradient, self.groups, self.scale_by_size)
        return xp.max(safe_norm(xp, gradient, axes)) / scale

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        axes, scale = group_scale(w, self.groups, self.scale_by_size)
        return group_distance(xp, w, gradient, self.strength * scale, axes)
