"""Tasks in a common subspace of low dimension."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import (
    nuclear_norm,
    singular_directions,
    singular_value_threshold,
    thin_svd,
)
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.groups import as_matrix
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
    is_norm = True
    metric = "scalar"
    may_fail = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "TraceNorm")

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * nuclear_norm(xp, as_matrix(xp, w))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        threshold = step * self.strength / metric
        matrix = singular_value_threshold(xp, as_matrix(xp, w), threshold)
        return xp.reshape(matrix, w.shape)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        _, s, _ = thin_svd(xp, as_matrix(xp, gradient))
        return s[0]

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        # ∂‖W‖ = U Vᵀ + M with M outside the row and column space and σ₁(M) ≤ 1.
        matrix, wanted = as_matrix(xp, w), -as_matrix(xp, gradient)
        u, s, vt = thin_svd(xp, matrix)
        mask = singular_directions(xp, s, int(matrix.shape[0]), int(matrix.shape[1]))
        u, vt = u * mask, vt * mask[:, None]
        left = wanted - xp.matmul(u, xp.matmul(xp.transpose(u), wanted))
        outside = left - xp.matmul(xp.matmul(left, xp.transpose(vt)), vt)
        inside = wanted - outside - self.strength * xp.matmul(u, vt)
        _, rest, _ = thin_svd(xp, outside)
        excess = xp.maximum(rest[0] - self.strength, 0)
        return xp.maximum(xp.max(xp.abs(inside)), excess)
