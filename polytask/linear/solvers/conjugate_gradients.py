"""The linear system behind a quadratic loss and a quadratic penalty."""

import numpy as np

from polytask.linear.datafits.datafit import QuadraticDatafit
from polytask.linear.datafits.squares import GramSquares, gram_product


def _shared_solution(gram: np.ndarray, matrix: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return W with G W + W M = C, in the eigenbases of both."""
    values, vectors = np.linalg.eigh(gram)
    curvatures, basis = np.linalg.eigh(matrix)
    rotated = vectors.T @ c @ basis
    total = np.maximum(values, 0.0)[:, None] + np.maximum(curvatures, 0.0)
    # Directions that neither data nor penalty see stay at zero: least norm.
    seen = total > total.max() * max(total.shape) * np.finfo(float).eps
    rotated = np.divide(rotated, total, out=np.zeros_like(rotated), where=seen)
    solution: np.ndarray = vectors @ rotated @ basis.T
    return solution


def conjugate_gradients(
    datafit: QuadraticDatafit,
    matrix: np.ndarray,
    start: np.ndarray,
    residual: float,
    max_iter: int,
) -> tuple[np.ndarray, int]:
    """Solve G W + W M = C.

    Tasks with a common Gram matrix are solved directly; otherwise by conjugate
    gradients, with the tasks' own systems as the preconditioner where they are small.

    Args:
        datafit: G and C.
        matrix: M, symmetric positive semi-definite (columns, columns).
        start: First point.
        residual: Largest accepted entry of the residual.
        max_iter: Largest number of iterations.

    Returns:
        W and the number of iterations.

    Source:
        Hestenes and Stiefel, "Methods of Conjugate Gradients for Solving Linear
        Systems", J. Res. NBS 1952.
    """
    c = datafit.cross_term
    if isinstance(datafit, GramSquares) and datafit.matrix.shape[0] == 1:
        return _shared_solution(datafit.matrix[0], matrix, c), 1
    inverses = None
    if isinstance(datafit, GramSquares):
        own = np.diag(matrix)[:, None, None] * np.eye(datafit.shape[0])
        inverses = np.linalg.pinv(datafit.matrix + own, hermitian=True)

    def precondition(r: np.ndarray) -> np.ndarray:
        return r if inverses is None else gram_product(inverses, r)

    def product(v: np.ndarray) -> np.ndarray:
        return datafit.value_and_gradient(v)[1] + c + v @ matrix

    w = start.copy()
    r = c - product(w)
    z = precondition(r)
    direction, rz = z, float(np.vdot(r, z))
    for iteration in range(max_iter):
        if float(np.abs(r).max()) <= residual or rz <= 0:
            return w, iteration
        moved = product(direction)
        length = rz / float(np.vdot(direction, moved))
        w += length * direction
        r -= length * moved
        z = precondition(r)
        previous, rz = rz, float(np.vdot(r, z))
        direction = z + (rz / previous) * direction
    return w, max_iter
