"""Linear systems with a matrix of cosines that may be singular."""

from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.nonnegative import FLOAT32_EPSILON


def least_squares(ops: Namespace, cosines: Tensor, right: Tensor) -> Tensor:
    """Return the shortest solution of min |Cx - b|, C positive semi-definite.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        cosines: (T, T) matrix C. Eigenvalues that one rounding of a float32 entry can
            produce count as zero.
        right: (T,) vector b.

    Returns:
        (T,) vector.
    """
    values, vectors = ops.eigh(cosines)
    kept = values > FLOAT32_EPSILON * cosines.shape[0] * ops.max(values)
    inverse = ops.where(kept, 1.0 / ops.where(kept, values, 1.0), 0.0)
    return ops.matmul(vectors, inverse * ops.matmul(right, vectors))
