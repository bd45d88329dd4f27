"""Projections onto the dual cone: directions that hurt no task."""

from typing import Any

from polytask.numeric.equilibrate import equilibrate
from polytask.numeric.namespace import widened
from polytask.numeric.nonnegative import nearest_semidefinite, nonnegative_qp


@widened
def project_each_on_dual_cone(ops: Any, gramian: Any, present: Any = None) -> Any:
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
    ops: Any, gramian: Any, preference: Any, present: Any = None
) -> Any:
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
