"""Quadratic programs over non-negative vectors."""

import numpy as np

from polytask.numeric.namespace import NUMPY_OPS, Namespace, Tensor, eigh

MAX_EXCHANGES = 15
#: Exchanges of all at once that may fail to lessen the errors, before one at a time.
PATIENCE = 3


def principal_pivoting(quadratic: np.ndarray, linear: np.ndarray) -> np.ndarray | None:
    """Minimize 1/2 v'Qv + b'v over v >= 0, for a batch of b; in NumPy.

    Guess which coordinates are free, solve for them, and exchange all that turn out
    on the wrong side: free and negative, or zero with a negative gradient. A few
    small solves find the minimum itself, where an interior point method nears it in
    ten. Where the number of errors stays, only the last one is exchanged, as a rule
    that cannot cycle.

    Args:
        quadratic: (T, T) positive definite Q, with a diagonal of order 1.
        linear: (B, T) vectors b, of order 1.

    Returns:
        (B, T) minimizers; None if rounding keeps one of them out of reach.

    Source:
        J. Judice, F. Pires (1994), A block principal pivoting algorithm for
        large-scale strictly monotone linear complementarity problems.
    """
    rows, size = linear.shape
    eye = np.eye(size)
    minimizers = np.zeros((rows, size))
    row = np.arange(rows)
    free = linear < 0
    fewest = np.full(rows, size + 1)
    patience = np.full(rows, PATIENCE)
    for _ in range(MAX_EXCHANGES):
        both = free[:, :, None] & free[:, None, :]
        right = np.where(free, -linear, 0.0)
        v = np.linalg.solve(np.where(both, quadratic, eye), right[:, :, None])[:, :, 0]
        gradient = v @ quadratic + linear
        # What the solve leaves of each, in units of the longest coordinate.
        top = np.maximum(np.abs(v).max(axis=1, keepdims=True), 1.0)
        wrong = np.where(free, v < -1e-10 * top, gradient < -1e-14 * size * top)
        errors = wrong.sum(axis=1)
        if not errors.any():
            minimizers[row] = np.maximum(v, 0.0)
            return minimizers
        done = errors == 0
        if done.any():
            minimizers[row[done]] = np.maximum(v[done], 0.0)
            left = ~done
            row, linear, free, wrong = row[left], linear[left], free[left], wrong[left]
            fewest, patience = fewest[left], patience[left]
        wrong, fewest, patience = exchanged(wrong, fewest, patience)
        free = free ^ wrong
    return None


def exchanged(
    wrong: np.ndarray, fewest: np.ndarray, patience: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose which of the coordinates on the wrong side to exchange.

    Args:
        wrong: (B, T) bool, at least one in each row.
        fewest: (B,) least numbers of them so far.
        patience: (B,) how often they may still fail to become fewer.

    Returns:
        (B, T) what to exchange: all, or the last where patience is lost; and the new
        `fewest` and `patience`.
    """
    size = wrong.shape[1]
    errors = wrong.sum(axis=1)
    patience = np.where(errors < fewest, PATIENCE, patience - 1)
    stuck = patience < 0
    if stuck.any():
        last = size - 1 - np.argmax(wrong[:, ::-1], axis=1)
        wrong = np.where(stuck[:, None], np.arange(size) == last[:, None], wrong)
    return wrong, np.minimum(errors, fewest), patience


MAX_ITERATIONS = 30
FLOAT32_EPSILON = 2.0**-23
#: What float64 can add to a diagonal of order 1 to solve a singular system.
SMALL_RIDGE = 1e-9


def nonnegative_qp(ops: Namespace, quadratic: Tensor, linear: Tensor) -> Tensor:
    """Minimize 1/2 v'Qv + b'v over v >= 0, for a batch of b.

    In NumPy by exchanging what is at zero, which finds the minimum itself. Compiled,
    where loops of a known shape are wanted, and where the former does not end, by a
    primal-dual interior point method. Where the solution is not unique it is the one
    of least norm, up to rounding.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        quadratic: (T, T) positive semi-definite Q, with a diagonal of order 1; see
            `nearest_semidefinite`.
        linear: (B, T) vectors b, of order 1, such that the minimum is finite.

    Returns:
        (B, T) minimizers; entries at the bound are exactly 0.
    """
    size = quadratic.shape[0]
    eye = ops.eye(size, dtype=quadratic.dtype)
    # A ridge keeps Q definite and selects the smallest of several solutions.
    ridge = FLOAT32_EPSILON * size**0.5
    if ops is NUMPY_OPS:
        definite = quadratic + ridge * eye
        minimizers = principal_pivoting(definite, linear)
        if minimizers is not None:
            # A ridge around the solution moves it no more.
            minimizers = principal_pivoting(definite, linear - ridge * minimizers)
        if minimizers is not None:
            return minimizers
    if "64" in str(quadratic.dtype):
        ridge = SMALL_RIDGE
    return interior_point(ops, quadratic + ridge * eye, linear)


def nearest_semidefinite(ops: Namespace, cosines: Tensor) -> Tensor:
    """Return a matrix without the negative eigenvalues that rounding gave it.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        cosines: (T, T) symmetric matrix.

    Returns:
        (T, T) nearest positive semi-definite matrix.

    Source:
        N. Higham (1988), Computing a nearest symmetric positive semidefinite matrix.
    """
    values, vectors = eigh(ops, cosines)
    return ops.matmul(vectors * ops.maximum(values, 0.0), ops.transpose(vectors))


def interior_point(ops: Namespace, quadratic: Tensor, linear: Tensor) -> Tensor:
    """Minimize 1/2 v'Qv + b'v over v >= 0, for a batch of b.

    A primal-dual method with Mehrotra's predictor and corrector; about ten
    iterations, thirty at most. Each solves one T x T system scaled to unit diagonal,
    which stays accurate as the multipliers go to zero.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        quadratic: (T, T) positive definite Q, with a diagonal of order 1.
        linear: (B, T) vectors b, of order 1, such that the minimum is finite.

    Returns:
        (B, T) minimizers; entries at the bound are exactly 0.

    Source:
        S. Mehrotra (1992), On the implementation of a primal-dual interior point
        method.
    """
    size = quadratic.shape[0]
    # The error of the gradient goes with the root of the gap.
    tiny = 1e-16 if "64" in str(quadratic.dtype) else 1e-13
    eye = ops.eye(size, dtype=quadratic.dtype)

    def newton(matrix: Tensor, scale: Tensor, right: Tensor) -> Tensor:
        return scale * ops.solve(matrix, (scale * right)[..., None])[..., 0]

    def longest(x: Tensor, dx: Tensor) -> Tensor:
        ratio = ops.where(dx < 0, -x / ops.where(dx < 0, dx, -1.0), 1e30)
        return ops.min(ratio, axis=-1, keepdims=True)

    def body(count: Tensor, v: Tensor, s: Tensor) -> tuple[Tensor, ...]:
        gradient = ops.matmul(v, quadratic) + linear
        gap = ops.mean(v * s, axis=-1, keepdims=True)
        ratio = s / v
        diagonal = ops.diagonal(quadratic) + ratio
        scale = 1.0 / ops.sqrt(diagonal)
        matrix = scale[..., :, None] * quadratic * scale[..., None, :]
        matrix = matrix + eye * (ratio * scale**2)[..., None, :]
        dv = newton(matrix, scale, -gradient)
        ds = -s - ratio * dv
        step = ops.minimum(1.0, ops.minimum(longest(v, dv), longest(s, ds)))
        after = ops.mean((v + step * dv) * (s + step * ds), axis=-1, keepdims=True)
        target = (after / gap) ** 3 * gap - dv * ds
        dv = newton(matrix, scale, target / v - gradient)
        ds = target / v - s - ratio * dv
        step = ops.minimum(longest(v, dv), longest(s, ds))
        step = ops.minimum(1.0, 0.995 * step)
        done = gap <= tiny
        v = ops.where(done, v, v + step * dv)
        s = ops.where(done, s, s + step * ds)
        return count + 1, v, s

    def cond(count: Tensor, v: Tensor, s: Tensor) -> Tensor:
        open_gap = ops.max(ops.mean(v * s, axis=-1)) > tiny
        return (count < MAX_ITERATIONS) & open_gap

    start = ops.ones_like(linear)
    _, v, s = ops.while_loop(cond, body, (0, start, start))
    # Of each pair the smaller one is zero; where both are, so is v.
    return ops.where(v > 2.0 * s, v, 0.0)
