"""Weights that mix: at least zero, with a given sum."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import project_simplex
from polytask.regularizers._checks import checked_number
from polytask.regularizers.groups import (
    checked_groups,
    from_group_rows,
    group_rows,
)
from polytask.regularizers.projections.projection import Projection


@polytask_export("polytask.regularizers.Simplex")
class Simplex(Projection):
    """w ≥ 0 and Σ w = c for every group, by default the weights into one unit.

    Args:
        total: c, above 0. Defaults to 1.0.
        groups: As in `GroupLasso`. Defaults to `"units"`.

    Raises:
        UserError: If the total is out of range or the groups unknown.

    Source:
        Duchi et al., "Efficient Projections onto the l1-Ball for Learning in High
        Dimensions", ICML 2008.

    Example:
        >>> from keras import ops
        >>> w = Simplex(groups="all").project(ops.array([0.75, 0.5, -1.0]))
        >>> ops.convert_to_numpy(w).tolist()
        [0.625, 0.375, 0.0]
    """

    def __init__(self, total: float = 1.0, groups: str = "units") -> None:
        self.total = checked_number(total, "total", "Simplex", above=0.0)
        self.groups = checked_groups(groups, "Simplex")

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        if len(metric.shape):
            metric = group_rows(xp, metric, self.groups)
        rows = project_simplex(xp, group_rows(xp, w, self.groups), self.total, metric)
        return from_group_rows(xp, rows, w, self.groups)
