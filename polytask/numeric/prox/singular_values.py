"""Functions of the singular values of a matrix: trace norm and its prox."""

from collections.abc import Callable

from polytask.numeric.namespace import (
    NUMPY_OPS,
    Namespace,
    Tensor,
    epsilon_of,
    one_by_one,
)
from polytask.numeric.prox.entries import soft_threshold


def thin_svd(xp: Namespace, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the thin singular value decomposition of a matrix.

    A long matrix is first reduced to a square one by a QR decomposition: the cost is
    that of the Gram matrix, but small singular values keep their digits, which
    squaring would lose.

    Args:
        xp: A namespace.
        w: Matrix of shape (rows, columns). No gradient flows through the result. If
            it is not finite, u and s are NaN; NumPy raises an error.

    Returns:
        `(u, s, vt)` with u of shape (rows, k), s falling of shape (k,), vt of shape
        (k, columns), k = min(rows, columns).
    """
    if xp is NUMPY_OPS:
        # Its LAPACK reduces a long matrix by itself.
        u, s, vt = xp.svd(w, full_matrices=False)
        return u, s, vt
    w = xp.stop_gradient(w)
    rows, columns = int(w.shape[0]), int(w.shape[1])
    if rows < columns:
        u, s, vt = thin_svd(xp, xp.transpose(w))
        return xp.transpose(vt), s, xp.transpose(u)
    finite = xp.isfinite(xp.sum(w))
    # PyTorch raises an error for a matrix that is not finite, in the midst of training.
    w = xp.where(finite, w, xp.zeros_like(w))
    u, s, vt = one_by_one(lambda w: _reduced_svd(xp, w))(w)
    spoiled = xp.where(finite, 0.0, float("nan"))
    return u + xp.cast(spoiled, u.dtype), s + xp.cast(spoiled, s.dtype), vt


def _reduced_svd(xp: Namespace, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the thin decomposition of a matrix with no more columns than rows."""
    if w.shape[0] == w.shape[1]:
        u, s, vt = xp.svd(w, full_matrices=False)
        return u, s, vt
    q, r = xp.qr(w, mode="reduced")
    u, s, vt = xp.svd(r, full_matrices=False)
    return xp.matmul(q, u), s, vt


def map_singular_values(
    xp: Namespace, w: Tensor, function: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return U f(S) Vᵀ.

    The prox of a symmetric function of the singular values is its prox on the vector
    of singular values, in the basis of the singular vectors.

    Args:
        xp: A namespace.
        w: Matrix.
        function: Maps the singular values (k,) to new ones (k,).

    Returns:
        Matrix of the shape of `w`; exactly 0.0 if all new values are.
    """
    u, s, vt = thin_svd(xp, w)
    return xp.matmul(u * function(s), vt)


def singular_directions(xp: Namespace, s: Tensor, rows: int, columns: int) -> Tensor:
    """Return 1 for the singular values that are not rounding error, else 0.

    Args:
        xp: A namespace.
        s: Falling singular values (k,).
        rows: Rows of the matrix.
        columns: Columns of the matrix.

    Returns:
        Tensor (k,); the tolerance is that of the numerical rank, relative to the
        largest value.
    """
    return xp.cast(s > s[0] * max(rows, columns) * epsilon_of(s), s.dtype)


def singular_value_threshold(xp: Namespace, w: Tensor, threshold: Tensor) -> Tensor:
    """Return U (S - threshold)₊ Vᵀ: the prox of the trace norm.

    Args:
        xp: A namespace.
        w: Matrix.
        threshold: Scalar, at least 0.

    Returns:
        Matrix of the shape of `w`.

    Source:
        Cai, Candès and Shen, "A Singular Value Thresholding Algorithm for Matrix
        Completion", SIAM J. Optim. 2010.
    """
    return map_singular_values(xp, w, lambda s: soft_threshold(xp, s, threshold))


def nuclear_norm(xp: Namespace, w: Tensor) -> Tensor:
    """Return the sum of the singular values, with the gradient U Vᵀ.

    Differentiating a decomposition explodes where singular values repeat or vanish;
    with U and V held constant the value is exact and the gradient the subgradient of
    least norm.

    Args:
        xp: A namespace.
        w: Matrix.

    Returns:
        Scalar tensor.
    """
    if xp is NUMPY_OPS:
        return xp.sum(xp.svd(w, compute_uv=False))
    u, s, vt = thin_svd(xp, w)
    mask = singular_directions(xp, s, int(w.shape[0]), int(w.shape[1]))
    return xp.sum(xp.matmul(u * mask, vt) * w)
