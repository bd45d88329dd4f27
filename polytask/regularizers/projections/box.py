"""Weights between two bounds."""

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.numeric.namespace import Namespace, Tensor
from polytask.regularizers._checks import checked_number
from polytask.regularizers.projections.projection import Projection


@polytask_export("polytask.regularizers.Box")
class Box(Projection):
    """low ≤ w ≤ high, entry by entry.

    Args:
        low: Lower bound. Defaults to -1.0.
        high: Upper bound, above `low`. Defaults to 1.0.

    Raises:
        UserError: If the bounds are not finite or not in order.

    Source:
        Bertsekas, "On the Goldstein-Levitin-Polyak gradient projection method", IEEE
        Trans. Autom. Control 1976.

    Example:
        >>> from keras import ops
        >>> ops.convert_to_numpy(Box(0.0, 1.0).project([-2.0, 0.5, 3.0])).tolist()
        [0.0, 0.5, 1.0]
    """

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        self.low = checked_number(low, "low", "Box")
        self.high = checked_number(high, "high", "Box")
        if self.low >= self.high:
            raise UserError(
                f"Box: low must be below high; found low={self.low:g}, "
                f"high={self.high:g}."
            )

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return xp.clip(w, self.low, self.high)
