"""Tasks in a common subspace of low dimension."""

from keras import ops

from polytask._export import polytask_export
from polytask.numeric.prox.nuclear import nuclear_norm, singular_value_threshold
from polytask.numeric.prox.singular_values import singular_directions, thin_svd
from polytask.regularizers._checks import checked_strength
from polytask.regularizers._tensor import Tensor
from polytask.regularizers.structures.task_structure import TaskStructure


@polytask_export("polytask.regularizers.TraceNorm")
class TraceNorm(TaskStructure):
    """λ Σ_k s_k(W), the singular values: weights that span few directions.

    Args:
        strength: λ, at least 0. Defaults to 0.01.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Ji and Ye, "An accelerated gradient method for trace norm minimization", ICML
        2009; Pong et al., "Trace Norm Regularization", SIAM J. Optim. 2010.

    Example:
        >>> from keras import ops
        >>> w = TraceNorm(1.0).prox(ops.array([[1.0, 1.0], [1.0, 1.0]]), step=0.5)
        >>> [[round(x, 4) for x in row] for row in ops.convert_to_numpy(w).tolist()]
        [[0.75, 0.75], [0.75, 0.75]]
    """

    has_prox = True
    metric = "scalar"
    may_fail = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "TraceNorm")

    def _value(self, w: Tensor) -> Tensor:
        return self.strength * nuclear_norm(self._as_matrix(w))

    def _prox(self, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        threshold = step * self.strength / metric
        matrix = singular_value_threshold(self._as_matrix(w), threshold)
        return ops.reshape(matrix, w.shape)

    def _lambda_max(self, gradient: Tensor) -> Tensor:
        _, s, _ = thin_svd(self._as_matrix(gradient))
        return s[0]

    def _distance(self, w: Tensor, gradient: Tensor) -> Tensor:
        # ∂‖W‖ = U Vᵀ + M with M outside the row and column space and σ₁(M) ≤ 1.
        matrix, wanted = self._as_matrix(w), -self._as_matrix(gradient)
        u, s, vt = thin_svd(matrix)
        mask = singular_directions(s, int(matrix.shape[0]), int(matrix.shape[1]))
        u, vt = u * mask, vt * mask[:, None]
        left = wanted - ops.matmul(u, ops.matmul(ops.transpose(u), wanted))
        outside = left - ops.matmul(ops.matmul(left, ops.transpose(vt)), vt)
        inside = wanted - outside - self.strength * ops.matmul(u, vt)
        _, rest, _ = thin_svd(outside)
        excess = ops.maximum(rest[0] - self.strength, 0)
        return ops.maximum(ops.max(ops.abs(inside)), excess)
