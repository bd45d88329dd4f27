"""A bound on the norm of the weights into a unit."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import project_euclidean_ball
from polytask.regularizers._checks import checked_number
from polytask.regularizers.groups import checked_groups, group_axes
from polytask.regularizers.projections.projection import Projection


@polytask_export("polytask.regularizers.MaxNorm")
class MaxNorm(Projection):
    """‖w_g‖₂ ≤ c for every group, by default the weights into one unit.

    Weights inside the ball do not move, while `keras.constraints.MaxNorm` shrinks
    them a little at every step.

    Args:
        limit: c, above 0. Defaults to 2.0; 3 to 4 is usual with dropout.
        groups: As in `GroupLasso`. Defaults to `"units"`.

    Raises:
        UserError: If the limit is out of range or the groups unknown.

    Source:
        Srebro and Shraibman, "Rank, Trace-Norm and Max-Norm", COLT 2005; Srivastava
        et al., "Dropout", JMLR 2014.

    Example:
        >>> from keras import ops
        >>> w = MaxNorm(1.0).project(ops.array([[3.0, 0.3], [4.0, 0.4]]))
        >>> [[round(x, 4) for x in row] for row in ops.convert_to_numpy(w).tolist()]
        [[0.6, 0.3], [0.8, 0.4]]
    """

    def __init__(self, limit: float = 2.0, groups: str = "units") -> None:
        self.limit = checked_number(limit, "limit", "MaxNorm", above=0.0)
        self.groups = checked_groups(groups, "MaxNorm")

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return project_euclidean_ball(
            xp, w, self.limit, metric, group_axes(w, self.groups)
        )
