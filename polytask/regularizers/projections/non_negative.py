"""Weights of at least zero."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.regularizers.projections.projection import Projection


@polytask_export("polytask.regularizers.NonNegative")
class NonNegative(Projection):
    """w ≥ 0: outputs that rise with every input, as in monotone scorecards.

    Source:
        Lawson and Hanson, "Solving Least Squares Problems", 1974.

    Example:
        >>> from keras import ops
        >>> ops.convert_to_numpy(NonNegative().project([-2.0, 0.5])).tolist()
        [0.0, 0.5]
    """

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return xp.maximum(w, 0)
