"""Trace norms of the unfoldings of a stack of kernels."""

import math

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import nuclear_norm, singular_value_threshold, thin_svd
from polytask.regularizers._checks import checked_choice, checked_strength
from polytask.regularizers.groups import as_matrix
from polytask.regularizers.structures.task_structure import TaskStructure


@polytask_export("polytask.regularizers.TensorTraceNorm")
class TensorTraceNorm(TaskStructure):
    """λ Σ ‖unfolding of W‖_*: how much each layer is shared is learned.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        unfolding: `"last_axis"`: the tasks against everything else, the only form
            with a prox; `"tucker"`: every axis against the others, summed;
            `"tensor_train"`: every cut into leading and trailing axes, summed.
            Defaults to `"last_axis"`.

    Raises:
        UserError: If the strength is out of range or the unfolding unknown.

    Source:
        Yang and Hospedales, "Trace Norm Regularised Deep Multi-Task Learning", ICLR
        Workshop 2017.

    Example:
        >>> from keras import ops
        >>> a = ops.array([1.0, 2.0])
        >>> cube = a[:, None, None] * a[None, :, None] * a[None, None, :]
        >>> round(float(TensorTraceNorm(1.0)(cube)), 4)
        11.1803
    """

    metric = "scalar"
    may_fail = True
    needs_equal_widths = True

    def __init__(self, strength: float = 0.01, unfolding: str = "last_axis") -> None:
        self.strength = checked_strength(strength, "TensorTraceNorm")
        self.unfolding = checked_choice(
            unfolding,
            "unfolding",
            "TensorTraceNorm",
            ("last_axis", "tucker", "tensor_train"),
        )
        self.has_prox = self.unfolding == "last_axis"

    def _unfoldings(self, xp: Namespace, w: Tensor) -> list[Tensor]:
        shape = [int(size) for size in w.shape]
        if self.unfolding == "tucker":
            return [
                xp.reshape(xp.moveaxis(w, axis, 0), (shape[axis], -1))
                for axis in range(len(shape))
            ]
        if self.unfolding == "tensor_train":
            return [
                xp.reshape(w, (math.prod(shape[:cut]), -1))
                for cut in range(1, len(shape))
            ]
        return [as_matrix(xp, w)]

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * sum(nuclear_norm(xp, m) for m in self._unfoldings(xp, w))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        threshold = step * self.strength / metric
        matrix = singular_value_threshold(xp, as_matrix(xp, w), threshold)
        return xp.reshape(matrix, w.shape)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor | None:
        if not self.has_prox:
            return None
        _, s, _ = thin_svd(xp, as_matrix(xp, gradient))
        return s[0]
