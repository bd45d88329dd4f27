"""Orthonormal columns."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import thin_svd
from polytask.regularizers.groups import as_matrix
from polytask.regularizers.projections.projection import Projection


@polytask_export("polytask.regularizers.Orthonormal")
class Orthonormal(Projection):
    """WᵀW = I (or WWᵀ = I for a wide kernel): the nearest such matrix, U Vᵀ.

    A convolution's kernel is a matrix with one filter a column.

    Source:
        Schönemann, "A generalized solution of the orthogonal Procrustes problem",
        Psychometrika 1966.

    Example:
        >>> from keras import ops
        >>> w = Orthonormal().project(ops.array([[2.0, 0.0], [0.0, 0.5]]))
        >>> [[round(abs(x), 4) for x in r] for r in ops.convert_to_numpy(w).tolist()]
        [[1.0, 0.0], [0.0, 1.0]]
    """

    metric = "scalar"
    may_fail = True

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        u, _, vt = thin_svd(xp, as_matrix(xp, w))
        return xp.reshape(xp.matmul(u, vt), w.shape)
