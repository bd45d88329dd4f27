"""The probability simplex: nearest points, and the least norm in a convex hull."""

from polytask.numeric.equilibrate import equilibrate
from polytask.numeric.namespace import Namespace, Tensor, widened
from polytask.numeric.nonnegative import nearest_semidefinite, nonnegative_qp
from polytask.numeric.prox import project_simplex


@widened
def min_norm_on_simplex(
    ops: Namespace, gramian: Tensor, present: Tensor = None
) -> Tensor:
    """Minimize w'Gw over w >= 0 with sum 1.

    With v = norms * w the constraint is a'v = 1. Minimizing v'Cv + (a'v - 1)^2 over
    v >= 0 instead gives the same direction of v, without an equality.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        gramian: (T, T) positive semi-definite matrix, of any scale.
        present: (T,) bool; absent tasks get 0. Defaults to all.

    Returns:
        (T,) weights. A zero gradient takes all the weight, evenly if there are more.

    Source:
        J.-A. Desideri (2012), Multiple-gradient descent algorithm (MGDA) for
        multiobjective optimization.
    """
    cosines, norms, present = equilibrate(ops, gramian, present)
    cosines = nearest_semidefinite(ops, cosines)
    zero = present & (norms == 0)
    inverse = ops.where(zero, 1.0, 1.0 / ops.where(norms > 0, norms, 1.0))
    inverse = ops.where(ops.any(zero) & ops.logical_not(zero), 0.0, inverse)
    inverse = ops.where(present, inverse, 0.0)
    inverse = inverse / ops.max(inverse)
    quadratic = cosines + inverse[:, None] * inverse[None, :]
    # A coordinate that costs something and gains nothing stays at zero.
    linear = ops.where(inverse > 0, -inverse, 1.0)
    weights = inverse * nonnegative_qp(ops, quadratic, linear[None])[0]
    return weights / ops.sum(weights)


def project_on_simplex(ops: Namespace, point: Tensor, present: Tensor) -> Tensor:
    """Return the Euclidean projection of a point on the simplex of present tasks.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        point: (T,) vector.
        present: (T,) bool; absent tasks get 0.

    Returns:
        (T,) non-negative vector with sum 1.

    Source:
        J. Duchi et al. (2008), Efficient projections onto the l1-ball for learning in
        high dimensions.
    """
    # Only differences between coordinates matter; absent ones are out of reach.
    top = ops.max(ops.where(present, point, -3e38))
    below = ops.where(present, point - top, -2.0)
    return project_simplex(ops, below, 1.0, ops.ones((), dtype=below.dtype))
