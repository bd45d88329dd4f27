"""A bound on the sum of absolute weights."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import project_l1_ball
from polytask.regularizers._checks import checked_number
from polytask.regularizers.groups import (
    checked_groups,
    from_group_rows,
    group_rows,
)
from polytask.regularizers.projections.projection import Projection


@polytask_export("polytask.regularizers.L1Ball")
class L1Ball(Projection):
    """Σ|w_g| ≤ r for every group, by default the whole tensor: a budget of weight.

    Args:
        radius: r, above 0. Defaults to 1.0.
        groups: As in `GroupLasso`. Defaults to `"all"`.

    Raises:
        UserError: If the radius is out of range or the groups unknown.

    Source:
        Duchi et al., "Efficient Projections onto the l1-Ball for Learning in High
        Dimensions", ICML 2008.

    Example:
        >>> from keras import ops
        >>> w = L1Ball(3.0).project(ops.array([3.0, -0.5, 2.0]))
        >>> ops.convert_to_numpy(w).tolist()
        [2.0, 0.0, 1.0]
    """

    def __init__(self, radius: float = 1.0, groups: str = "all") -> None:
        self.radius = checked_number(radius, "radius", "L1Ball", above=0.0)
        self.groups = checked_groups(groups, "L1Ball")

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        if len(metric.shape):
            metric = group_rows(xp, metric, self.groups)
        rows = project_l1_ball(xp, group_rows(xp, w, self.groups), self.radius, metric)
        return from_group_rows(xp, rows, w, self.groups)
