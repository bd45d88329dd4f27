"""The largest singular value of a kernel."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import map_singular_values, max_soft_threshold, thin_svd
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.groups import as_matrix
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.SpectralNorm")
class SpectralNorm(Regularizer):
    """λ σ₁(W): a small Lipschitz constant of the layer.

    A convolution's kernel is a matrix with one filter a column.

    Args:
        strength: λ, at least 0. Defaults to 0.01.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Yoshida and Miyato, "Spectral Norm Regularization for Improving the
        Generalizability of Deep Learning", 2017 (there with the square).

    Example:
        >>> round(float(SpectralNorm(1.0)([[3.0, 0.0], [0.0, 1.0]])), 4)
        3.0
    """

    has_prox = True
    is_norm = True
    metric = "scalar"
    may_fail = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "SpectralNorm")

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        matrix = as_matrix(xp, w)
        u, _, vt = thin_svd(xp, matrix)
        # The gradient of σ₁ is u₁v₁ᵀ; held constant, no decomposition is derived.
        return self.strength * xp.sum(u[:, :1] * vt[:1, :] * matrix)

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        threshold = step * self.strength / metric
        matrix = map_singular_values(
            xp,
            as_matrix(xp, w),
            lambda s: max_soft_threshold(xp, s, threshold, xp.ones_like(threshold)),
        )
        return xp.reshape(matrix, w.shape)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        _, s, _ = thin_svd(xp, as_matrix(xp, gradient))
        return xp.sum(s)
