"""A bound on the singular values of a kernel."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import thin_svd
from polytask.regularizers._checks import checked_number
from polytask.regularizers.groups import as_matrix
from polytask.regularizers.projections.projection import Projection


@polytask_export("polytask.regularizers.SpectralBall")
class SpectralBall(Projection):
    """σ₁(W) ≤ c: a Lipschitz constant of the layer of at most c.

    A convolution's kernel is a matrix with one filter a column.

    Args:
        limit: c, above 0. Defaults to 1.0.

    Raises:
        UserError: If the limit is out of range.

    Source:
        Yoshida and Miyato, "Spectral Norm Regularization for Improving the
        Generalizability of Deep Learning", 2017; the projection is classical.

    Example:
        >>> from keras import ops
        >>> w = SpectralBall(1.0).project(ops.array([[2.0, 2.0], [1.0, -1.0]]))
        >>> [[round(x, 4) for x in row] for row in ops.convert_to_numpy(w).tolist()]
        [[0.7071, 0.7071], [0.7071, -0.7071]]
    """

    metric = "scalar"
    may_fail = True

    def __init__(self, limit: float = 1.0) -> None:
        self.limit = checked_number(limit, "limit", "SpectralBall", above=0.0)

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        u, s, vt = thin_svd(xp, as_matrix(xp, w))
        clipped = xp.matmul(u * xp.minimum(s, self.limit), vt)
        # Inside the ball the identity must be exact, not a rounded product.
        return xp.where(s[0] <= self.limit, w, xp.reshape(clipped, w.shape))
