"""Independent component alignment."""

from collections.abc import Sequence

from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.preference_balancer import PreferenceBalancer
from polytask.errors import one_of
from polytask.numeric.equilibrate import equilibrate
from polytask.numeric.namespace import Namespace, Tensor, eigh
from polytask.numeric.nonnegative import FLOAT32_EPSILON

SCALES = ("min", "median", "rmse")


@polytask_export("polytask.balancing.AlignedMTL")
class AlignedMTL(PreferenceBalancer):
    """Replace all singular values of the task gradients by the same one.

    With G = V diag(e) V', w = scale V diag(e)^(-1/2) V' p. Directions with an
    eigenvalue that may be a rounding of zero in float32 are left out.

    Args:
        scale: The common singular value: `"min"`, `"median"` or `"rmse"` (root mean
            square) of all. Defaults to "min".
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".
        preference: One positive number per task, p.
            Defaults to None: 1 each.

    Source:
        D. Senushkin et al. (2023), Independent component alignment for multi-task
        learning.

    Example:
        >>> import numpy as np
        >>> weights = AlignedMTL().weights([1.0, 1.0], gramian=np.eye(2))
        >>> [round(float(w), 4) for w in weights]
        [1.0, 1.0]
    """

    def __init__(
        self,
        scale: str = "min",
        update_every: int = 1,
        on: str = "shared",
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(update_every, on, preference)
        one_of("scale", scale, SCALES)
        self.scale = scale

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return scale * G^(-1/2) p within the range of G."""
        cosines, norms, _ = equilibrate(ops, gramian, present)
        norms = ops.where(present, norms, 0.0)
        size = norms.shape[0]
        # A square root of G, from one of the cosines: the singular values of a task
        # with a small gradient keep their digits, which eigenvalues of G would lose.
        values, vectors = eigh(ops, cosines)
        root = norms[:, None] * vectors * ops.sqrt(ops.maximum(values, 0.0))[None, :]
        left, singular, _ = ops.svd(root, full_matrices=False)
        rounding = FLOAT32_EPSILON * size * ops.matmul(norms**2, left**2)
        floor = (FLOAT32_EPSILON * size * ops.max(singular)) ** 2
        kept = singular**2 > ops.maximum(rounding, floor)
        inverse = ops.where(kept, 1.0 / ops.where(kept, singular, 1.0), 0.0)
        wanted = ops.where(present, self.preferred(ops, norms), 0.0)
        weights = ops.matmul(left, inverse * ops.matmul(wanted, left))
        return weights * self._common(ops, singular, kept), {}

    def _common(self, ops: Namespace, singular: Tensor, kept: Tensor) -> Tensor:
        """Return the common singular value."""
        count = ops.sum(ops.cast(kept, singular.dtype))
        if self.scale == "rmse":
            total = ops.sum(ops.where(kept, singular**2, 0.0))
            return ops.sqrt(total / ops.maximum(count, 1.0))
        decreasing = -ops.sort(-ops.where(kept, singular, 0.0))
        index = count - 1.0 if self.scale == "min" else (count - 1.0) // 2
        return ops.take(decreasing, ops.cast(ops.maximum(index, 0.0), "int32"))
