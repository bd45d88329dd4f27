"""A Newton step on the rows that are not zero."""

import numpy as np

from polytask.linear.datafits.gram_squares import gram_product
from polytask.linear.penalties import row_norms
from polytask.linear.solvers.restricted_gram import RestrictedGram

# Numbers in the inverses of one step; beyond, sweeps are cheaper.
_CAPACITY = 2**25
_STEPS = tuple(0.5**k for k in range(7))


def _direction(
    gram: np.ndarray, w: np.ndarray, slope: np.ndarray, strength: float
) -> np.ndarray:
    """Solve H Δ = -slope for the Hessian H of loss and row norms.

    With u = w/‖w‖ the Hessian is that of ½⟨W, (G + diag(λ/‖w‖)) W⟩ less one rank per
    row, λ/‖w‖ · u uᵀ. The Woodbury identity reduces it to a system of the size of
    the number of rows, whose matrix is an entrywise product.
    """
    norms = row_norms(w)
    units = w / norms[:, None]
    diagonal = strength / norms
    inverse = np.linalg.inv(gram + np.diag(diagonal))
    base = gram_product(inverse, slope)
    if inverse.shape[0] == 1:
        product = inverse[0] * (units @ units.T)
    else:
        product = np.einsum("tij,it,jt->ij", inverse, units, units, optimize=True)
    capacitance = np.diag(1.0 / diagonal) - product
    along = np.linalg.solve(capacitance, np.einsum("it,it->i", units, base))
    step: np.ndarray = -(base + gram_product(inverse, units * along[:, None]))
    return step


def newton_cost(problem: RestrictedGram) -> float:
    """Return the floating-point operations of a Newton step, as if by sweeps' speed."""
    size = float(np.count_nonzero(problem.w.any(axis=1)))
    return 4.0 * problem.gram.shape[0] * size**3


def newton_rows(problem: RestrictedGram) -> bool:
    """Take one damped Newton step; rows that would turn around become zero.

    Args:
        problem: The restricted problem; it is moved.

    Returns:
        Whether a step was taken.

    Source:
        Bareilles, Iutzeler and Malick, "Newton acceleration on manifolds identified
        by proximal gradient methods", Math. Program. 2023, for the scheme.
    """
    rows = np.flatnonzero(problem.w.any(axis=1))
    if not rows.size or problem.gram.shape[0] * rows.size**2 > _CAPACITY:
        return False
    strength, w = problem.penalty.strength, problem.w[rows]
    gram = problem.gram[:, rows[:, None], rows]
    gradient = problem.gradient()[rows]
    slope = gradient + strength * w / row_norms(w)[:, None]
    try:
        step = _direction(gram, w, slope, strength)
    except np.linalg.LinAlgError:
        return False
    if not np.isfinite(step).all():
        return False
    start = strength * float(row_norms(w).sum())
    rounding = 1e-15 * (abs(problem.smooth_value()) + start)
    for length in _STEPS:
        new = w + length * step
        new[np.einsum("it,it->i", w, new) <= 0] = 0.0
        change = new - w
        moved = gram_product(gram, change)
        # Relative to the start, so that no digits cancel near the minimum.
        gain = float(np.vdot(change, gradient + 0.5 * moved))
        gain += strength * float(row_norms(new).sum()) - start
        if gain <= rounding:
            everywhere = gram_product(problem.gram[:, :, rows], change)
            problem.move(rows, new, everywhere)
            return True
    return False
