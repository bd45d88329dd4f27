"""Weights of norm one."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm
from polytask.regularizers.groups import checked_groups, group_axes
from polytask.regularizers.projections.projection import Projection


@polytask_export("polytask.regularizers.UnitNorm")
class UnitNorm(Projection):
    """‖w_g‖₂ = 1 for every group, by default the weights into one unit.

    A group of zeros has no nearest point on the sphere and stays zero.

    Args:
        groups: As in `GroupLasso`. Defaults to `"units"`.

    Raises:
        UserError: If the groups are unknown.

    Source:
        Salimans and Kingma, "Weight Normalization", NIPS 2016 (the direction alone).

    Example:
        >>> from keras import ops
        >>> w = UnitNorm(groups="all").project(ops.array([3.0, 4.0]))
        >>> [round(x, 4) for x in ops.convert_to_numpy(w).tolist()]
        [0.6, 0.8]
    """

    metric = "scalar"

    def __init__(self, groups: str = "units") -> None:
        self.groups = checked_groups(groups, "UnitNorm")

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        norm = safe_norm(xp, w, group_axes(w, self.groups), keepdims=True)
        return w / xp.where(norm > 0, norm, xp.ones_like(norm))
