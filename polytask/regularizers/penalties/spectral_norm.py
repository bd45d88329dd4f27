"""The largest singular value of a kernel."""

from keras import ops

from polytask._export import polytask_export
from polytask.numeric.prox.l1_inf import max_soft_threshold
from polytask.numeric.prox.singular_values import map_singular_values, thin_svd
from polytask.regularizers._checks import checked_strength
from polytask.regularizers._tensor import Tensor
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
    metric = "scalar"
    may_fail = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "SpectralNorm")

    def _value(self, w: Tensor) -> Tensor:
        matrix = ops.reshape(w, (-1, int(w.shape[-1])))
        u, _, vt = thin_svd(matrix)
        # The gradient of σ₁ is u₁v₁ᵀ; held constant, no decomposition is derived.
        return self.strength * ops.sum(u[:, :1] * vt[:1, :] * matrix)

    def _prox(self, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        threshold = step * self.strength / metric
        matrix = map_singular_values(
            ops.reshape(w, (-1, int(w.shape[-1]))),
            lambda s: max_soft_threshold(s, threshold, ops.ones_like(threshold)),
        )
        return ops.reshape(matrix, w.shape)

    def _lambda_max(self, gradient: Tensor) -> Tensor:
        _, s, _ = thin_svd(ops.reshape(gradient, (-1, int(gradient.shape[-1]))))
        return ops.sum(s)
