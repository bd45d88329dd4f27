"""A function of the singular values of a matrix."""

from collections.abc import Callable

from keras import ops

from polytask.regularizers._tensor import Tensor, epsilon_of


def thin_svd(w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the thin singular value decomposition of a matrix.

    A long matrix is first reduced to a square one by a QR decomposition: the cost is
    that of the Gram matrix, but small singular values keep their digits, which
    squaring would lose.

    Args:
        w: Matrix of shape (rows, columns). No gradient flows through the result. If
            it is not finite, u and s are NaN.

    Returns:
        `(u, s, vt)` with u of shape (rows, k), s falling of shape (k,), vt of shape
        (k, columns), k = min(rows, columns).
    """
    w = ops.stop_gradient(w)
    rows, columns = int(w.shape[0]), int(w.shape[1])
    if rows < columns:
        u, s, vt = thin_svd(ops.transpose(w))
        return ops.transpose(vt), s, ops.transpose(u)
    finite = ops.isfinite(ops.sum(w))
    # PyTorch raises an error for a matrix that is not finite, in the midst of training.
    w = ops.where(finite, w, ops.zeros_like(w))
    if rows == columns:
        u, s, vt = ops.svd(w, full_matrices=False)
    else:
        q, r = ops.qr(w, mode="reduced")
        u, s, vt = ops.svd(r, full_matrices=False)
        u = ops.matmul(q, u)
    spoiled = ops.where(finite, 0.0, float("nan"))
    return u + ops.cast(spoiled, u.dtype), s + ops.cast(spoiled, s.dtype), vt


def map_singular_values(w: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Return U f(S) Vᵀ.

    The prox of a symmetric function of the singular values is its prox on the vector
    of singular values, in the basis of the singular vectors.

    Args:
        w: Matrix.
        function: Maps the singular values (k,) to new ones (k,).

    Returns:
        Matrix of the shape of `w`; exactly 0.0 if all new values are.
    """
    u, s, vt = thin_svd(w)
    return ops.matmul(u * function(s), vt)


def singular_directions(s: Tensor, rows: int, columns: int) -> Tensor:
    """Return 1 for the singular values that are not rounding error, else 0.

    Args:
        s: Falling singular values (k,).
        rows: Rows of the matrix.
        columns: Columns of the matrix.

    Returns:
        Tensor (k,); the tolerance is that of the numerical rank, relative to the
        largest value.
    """
    return ops.cast(s > s[0] * max(rows, columns) * epsilon_of(s), s.dtype)
