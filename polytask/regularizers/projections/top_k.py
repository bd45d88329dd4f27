"""A budget of non-zero weights."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import project_top_k
from polytask.regularizers._checks import checked_count
from polytask.regularizers.projections.projection import Projection


@polytask_export("polytask.regularizers.TopK")
class TopK(Projection):
    """At most k non-zero weights: keep the largest.

    Args:
        count: k, at least 1.

    Raises:
        UserError: If the count is no integer or too small.

    Source:
        Blumensath and Davies, "Iterative Hard Thresholding for Compressed Sensing",
        Appl. Comput. Harmon. Anal. 2009.

    Example:
        >>> from keras import ops
        >>> ops.convert_to_numpy(TopK(1).project([3.0, -4.0, 1.0])).tolist()
        [0.0, -4.0, 0.0]
    """

    def __init__(self, count: int) -> None:
        self.count = checked_count(count, "count", "TopK")

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return project_top_k(xp, w, self.count, metric)
