"""Independent component alignment."""

from typing import Any

from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State
from polytask.errors import UserError, nearest
from polytask.solvers.namespace import working_dtype
from polytask.solvers.nonnegative import FLOAT32_EPSILON

SCALES = ("min", "median", "rmse")


@polytask_export("polytask.balancing.AlignedMTL")
class AlignedMTL(Balancer):
    """Replace all singular values of the task gradients by the same one.

    With G = V diag(e) V', w = scale V diag(e)^(-1/2) V' 1. Directions whose eigenvalue
    is within the rounding of float32 of zero are left out, as in a rank deficiency.

    Args:
        scale: The common singular value: `"min"`, `"median"` or `"rmse"` (root mean
            square) of all. Defaults to "min".
        update_every: See `Balancer`. Defaults to 1.

    Source:
        D. Senushkin et al. (2023), Independent component alignment for multi-task
        learning.

    Example:
        >>> import numpy as np
        >>> weights = AlignedMTL().weights([1.0, 1.0], gramian=np.eye(2))
        >>> [round(float(w), 4) for w in weights]
        [1.0, 1.0]
    """

    requires = "gramian"

    def __init__(self, scale: str = "min", update_every: int = 1) -> None:
        super().__init__(update_every)
        if scale not in SCALES:
            raise UserError(
                f"scale must be one of {', '.join(SCALES)}; found {scale!r}."
                f"{nearest(str(scale), SCALES)}"
            )
        self.scale = scale

    def compute(
        self, ops: Any, losses: Any, gramian: Any, present: Any, state: State
    ) -> tuple[Any, State]:
        """Return scale * G^(-1/2) 1 within the range of G."""
        matrix = ops.cast(gramian, working_dtype(ops))
        top = ops.max(ops.diagonal(matrix))
        matrix = matrix / ops.where(top > 0, top, 1.0)
        values, vectors = ops.eigh(0.5 * (matrix + ops.transpose(matrix)))
        largest = ops.max(values)
        size = matrix.shape[0]
        # Absent tasks are zero rows here, so their directions fall out as well.
        kept = (values > FLOAT32_EPSILON * size * largest) & (values > 0)
        ones = ops.cast(present, matrix.dtype)
        inverse = ops.where(kept, 1.0 / ops.sqrt(ops.where(kept, values, 1.0)), 0.0)
        weights = ops.matmul(vectors, inverse * ops.matmul(ones, vectors))
        return weights * ops.sqrt(self._common(ops, values, kept)), {}

    def _common(self, ops: Any, values: Any, kept: Any) -> Any:
        """Return the square of the common singular value."""
        count = ops.sum(ops.cast(kept, values.dtype))
        if self.scale == "rmse":
            total = ops.sum(ops.where(kept, values, 0.0))
            return total / ops.maximum(count, 1.0)
        # Eigenvalues are in increasing order, those left out first.
        index = ops.cast(values.shape[0] - count, "int32")
        if self.scale == "median":
            index = index + ops.cast((count - 1.0) // 2, "int32")
        index = ops.minimum(index, values.shape[0] - 1)
        return ops.maximum(ops.take(values, index), 0.0)
