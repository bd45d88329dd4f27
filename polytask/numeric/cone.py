"""Projections onto the dual cone: directions that hurt no task."""

from polytask.numeric.equilibrate import equilibrate
from polytask.numeric.namespace import Namespace, Tensor, widened
from polytask.numeric.nonnegative import (
    FLOAT32_EPSILON,
    nearest_semidefinite,
    nonnegative_qp,
)


@widened
def project_each_on_dual_cone(
    ops: Namespace, gramian: Tensor, present: Tensor = None
) -> Tensor:
    """For each task i minimize v'Gv over v >= e_i.

    J'v is the projection of that task's gradient onto the directions that have a
    non-negative inner product with every task gradient.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        gramian: (T, T) positive semi-definite matrix, of any scale.
        present: (T,) bool; rows and columns of absent tasks are 0. Defaults to all.

    Returns:
        (T, T), row i the minimizer for task i. A zero gradient projects to itself.

    Source:
        P. Quinton, V. Rey (2024), Jacobian descent for multi-objective optimization.
    """
    cosines, norms, present = equilibrate(ops, gramian, present)
    cosines = nearest_semidefinite(ops, cosines)
    usable = present & (norms > 0)
    eye = ops.eye(norms.shape[0], dtype=norms.dtype)
    # With v = e_i + n_i z / n the problem of each task has unit scale.
    linear = ops.where(usable[None, :], cosines, 1.0)
    added = nonnegative_qp(ops, cosines, linear)
    ratio = norms[:, None] / ops.where(norms > 0, norms, 1.0)[None, :]
    added = ops.where(usable[None, :] & usable[:, None], added * ratio, 0.0)
    return ops.where(present[:, None], eye + added, 0.0)


@widened
def project_on_dual_cone(
    ops: Namespace, gramian: Tensor, preference: Tensor, present: Tensor = None
) -> Tensor:
    """Minimize v'Gv over v >= preference.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        gramian: (T, T) positive semi-definite matrix, of any scale.
        preference: (T,) non-negative weights of the vector J'preference to project.
        present: (T,) bool; absent tasks get 0. Defaults to all.

    Returns:
        (T,) minimizer.

    Source:
        D. Lopez-Paz, M. Ranzato (2017), Gradient episodic memory for continual
        learning.
    """
    cosines, norms, present = equilibrate(ops, gramian, present)
    cosines = nearest_semidefinite(ops, cosines)
    usable = present & (norms > 0)
    preference = ops.cast(preference, norms.dtype)
    length = ops.where(usable, preference * norms, 0.0)
    scale = ops.max(length)
    scale = ops.where(scale > 0, scale, 1.0)
    linear = ops.matmul(cosines, length / scale)
    linear = ops.where(usable, linear, 1.0)
    added = nonnegative_qp(ops, cosines, linear[None])[0]
    added = added * scale / ops.where(norms > 0, norms, 1.0)
    return ops.where(present, preference + ops.where(usable, added, 0.0), 0.0)


@widened
def nearest_with_gains(
    ops: Namespace,
    gramian: Tensor,
    scale: Tensor,
    primary: int,
    margin: float,
    present: Tensor,
) -> Tensor:
    """Find the direction nearest to one gradient along which every task gains.

    Minimizes |d - s_1 g_1| subject to s_t g_t'd >= margin |s_t g_t|^2 for all tasks
    with a gradient, and rescales d to the length of g_1.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        gramian: (T, T) positive semi-definite matrix, of any scale.
        scale: (T,) non-negative s.
        primary: Position of the task called 1.
        margin: Share of its own full step that each task must gain.
        present: (T,) bool; absent tasks get 0.

    Returns:
        (T,) weights of d; that of g_1 alone where no d meets the constraints, and
        zeros where g_1 is zero or absent.
    """
    cosines, norms, present = equilibrate(ops, gramian, present)
    cosines = nearest_semidefinite(ops, cosines)
    diagonal = ops.cast(ops.diagonal(gramian), norms.dtype)
    length = ops.cast(scale, norms.dtype) * ops.sqrt(ops.maximum(diagonal, 0.0))
    usable = present & (length > 0)
    top = ops.max(ops.where(usable, length, 0.0))
    length = ops.where(usable, length / ops.where(top > 0, top, 1.0), 0.0)
    only = ops.cast(ops.arange(norms.shape[0]) == primary, norms.dtype)
    start = only * length
    # d = sum_t x_t u_t of the unit gradients u, with x >= start.
    linear = ops.matmul(cosines, start) - margin * length
    added = nonnegative_qp(ops, cosines, ops.where(usable, linear, 1.0)[None])[0]
    x = start + ops.where(usable, added, 0.0)
    gains = ops.matmul(cosines, x)
    met = ops.all((gains >= 0.9 * margin * length) | ops.logical_not(usable))
    squared = ops.sum(gains * x)
    # What nearly cancels is known up to the rounding of the Gramian, and no direction.
    met = met & (squared > 8.0 * FLOAT32_EPSILON * ops.sum(x) ** 2)
    x = x / ops.sqrt(ops.where(met, squared, 1.0))
    own = ops.sum(only * norms)
    weights = ops.where(usable, x * own / ops.where(norms > 0, norms, 1.0), 0.0)
    weights = ops.where(met, weights, only)
    return ops.where(ops.any(usable & (only > 0)), weights, 0.0)
