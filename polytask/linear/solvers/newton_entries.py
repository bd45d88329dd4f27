"""A Newton step on the entries that are not zero."""

import numpy as np

from polytask.linear.datafits.gram_squares import gram_product
from polytask.linear.solvers.restricted_gram import RestrictedGram

_SHORTER = tuple(0.5**k for k in range(1, 7))


def _direction(problem: RestrictedGram, slope: np.ndarray) -> np.ndarray:
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
    step = _direction(problem, slope)
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
