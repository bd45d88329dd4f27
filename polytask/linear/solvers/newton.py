"""Newton steps on the rows, or entries, that are not zero."""

import numpy as np

from polytask.linear.datafits.squares import gram_product
from polytask.linear.penalties import row_norms
from polytask.linear.solvers.restricted import RestrictedGram

# Numbers in the inverses of one step; beyond, sweeps are cheaper.
_CAPACITY = 2**25
_STEPS = tuple(0.5**k for k in range(7))


def _row_direction(
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
        step = _row_direction(gram, w, slope, strength)
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


_SHORTER = tuple(0.5**k for k in range(1, 7))


def _entry_direction(problem: RestrictedGram, slope: np.ndarray) -> np.ndarray:
    """Solve each column's system on its own support."""
    step = np.zeros_like(slope)
    for t in range(slope.shape[1]):
        rows = np.flatnonzero(problem.w[:, t])
        if rows.size:
            gram = problem.gram[t if problem.gram.shape[0] > 1 else 0]
            own = gram[rows[:, None], rows]
            # Where inputs depend on each other the penalty alone decides: a ridge of
            # the size of the rounding turns that into a long step, cut at a turn.
            ridge = 16.0 * np.diag(own).max() * rows.size * np.finfo(float).eps
            own = own + ridge * np.eye(rows.size)
            try:
                step[rows, t] = np.linalg.solve(own, -slope[rows, t])
            except np.linalg.LinAlgError:
                # This column is left to the sweeps.
                continue
    return step


def newton_entries(problem: RestrictedGram) -> bool:
    """Take one damped Newton step; entries that would change sign become zero.

    The columns do not interact, so each has its own step length.

    Args:
        problem: The restricted problem; it is moved.

    Returns:
        Whether a step was taken in any column.
    """
    w, strength = problem.w, problem.penalty.strength
    if not w.any():
        return False
    slope = np.where(w != 0, problem.gradient() + strength * np.sign(w), 0.0)
    step = _entry_direction(problem, slope)
    waiting = np.isfinite(step).all(axis=0) & step.any(axis=0)
    # Where along the step each entry is zero; beyond, the model changes its sign.
    turns = np.full(w.shape, np.inf)
    np.divide(-w, step, out=turns, where=step != 0)
    turns[turns <= 0] = np.inf
    first = np.minimum(turns.min(axis=0), 1.0)
    start = strength * np.abs(w).sum(axis=0)
    rounding = 1e-15 * (abs(problem.smooth_value()) + start.sum())
    total, total_moved = np.zeros_like(w), np.zeros_like(w)
    taken = False
    for length in (np.ones_like(first), first, *(s * first for s in _SHORTER)):
        if not waiting.any():
            break
        new = np.where(turns <= length, 0.0, w + length * step)
        change = np.where(waiting, new - w, 0.0)
        moved = gram_product(problem.gram, change)
        gain = np.einsum("it,it->t", change, problem.gradient() + 0.5 * moved)
        gain += strength * np.abs(w + change).sum(axis=0) - start
        accepted = waiting & (gain <= rounding)
        total[:, accepted] = change[:, accepted]
        total_moved[:, accepted] = moved[:, accepted]
        waiting &= ~accepted
        taken |= bool(accepted.any())
    rows = np.arange(w.shape[0])
    problem.move(rows, w + total, total_moved)
    return taken
