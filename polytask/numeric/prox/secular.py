"""The one-dimensional equation behind every Euclidean norm in a diagonal metric."""

from keras import ops

from polytask.regularizers._tensor import Tensor

# The iterates rise monotonically and converge at second order; six reach the rounding
# error of float32 for metrics that span ten orders of magnitude.
_ITERATIONS = 6


def secular_root(
    numerator: Tensor, shift: Tensor, start: Tensor, axes: tuple[int, ...]
) -> Tensor:
    """Return the x ≥ 0 of every group with Σ (numerator / (x + shift))² = 1.

    The inverse root of the left side is concave and increasing in x, as in the
    trust-region problem, so Newton's method on it, started at or below the root,
    rises without overstepping. With a constant shift it is linear and one step does.

    Args:
        numerator: Tensor; at least one entry of every group is not zero.
        shift: Tensor of the same shape, positive wherever `start` is zero.
        start: Lower bound of the root per group (size one along `axes`), at least 0.
        axes: The axes that run inside a group.

    Returns:
        Tensor of the shape of `start`.

    Source:
        Moré and Sorensen, "Computing a Trust Region Step", SIAM J. Sci. Stat.
        Comput. 1983.
    """
    squares = ops.square(numerator)
    root = start
    for _ in range(_ITERATIONS):
        inverse = 1 / (root + shift)
        terms = squares * ops.square(inverse)
        total = ops.sum(terms, axis=axes, keepdims=True)
        slope = ops.sum(terms * inverse, axis=axes, keepdims=True)
        root = root + total * (ops.sqrt(total) - 1) / slope
    return root
