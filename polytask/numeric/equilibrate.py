"""Gramians as cosines: scaling to unit diagonal, and systems that may be singular."""

from polytask.numeric.namespace import Namespace, Tensor, eigh, working_dtype
from polytask.numeric.nonnegative import FLOAT32_EPSILON


def equilibrate(
    ops: Namespace, gramian: Tensor, present: Tensor = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the cosine matrix, the norms and the mask of a Gramian.

    All solvers work on cosines, so that neither the common scale of the gradients nor
    the ratio of their norms meets a tolerance.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        gramian: (T, T) inner products; symmetric and positive semi-definite up to
            rounding.
        present: (T,) bool; absent tasks become orthogonal unit vectors. Defaults to
            all.

    Returns:
        cosines: (T, T), unit diagonal. A zero gradient is orthogonal to all.
        norms: (T,) relative to the largest, which is 1; absent tasks have 1.
        present: (T,) bool.

    Source:
        A. van der Sluis (1969), Condition numbers and equilibration of matrices.
    """
    g = ops.cast(gramian, working_dtype(ops))
    eye = ops.eye(g.shape[0], dtype=g.dtype)
    if present is None:
        present = ops.ones_like(g[0]) > 0
    square = ops.where(present, ops.maximum(ops.diagonal(g), 0.0), 0.0)
    top = ops.max(square)
    square = square / ops.where(top > 0, top, 1.0)
    g = g / ops.where(top > 0, top, 1.0)
    norms = ops.where(present, ops.sqrt(square), 1.0)
    alive = present & (square > 0)
    inverse = ops.where(alive, 1.0 / ops.where(alive, ops.sqrt(square), 1.0), 0.0)
    cosines = 0.5 * (g + ops.transpose(g)) * inverse[:, None] * inverse[None, :]
    cosines = ops.clip(cosines, -1.0, 1.0)
    return cosines * (1.0 - eye) + eye, norms, present


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
    values, vectors = eigh(ops, cosines)
    kept = values > FLOAT32_EPSILON * cosines.shape[0] * ops.max(values)
    inverse = ops.where(kept, 1.0 / ops.where(kept, values, 1.0), 0.0)
    return ops.matmul(vectors, inverse * ops.matmul(right, vectors))
