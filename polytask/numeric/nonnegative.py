"""Quadratic programs over non-negative vectors."""

from polytask.numeric.namespace import NUMPY_OPS, Namespace, Tensor
from polytask.numeric.pivoting import principal_pivoting

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
    values, vectors = ops.eigh(cosines)
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
