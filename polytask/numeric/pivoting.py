"""Non-negative quadratic programs solved exactly, by exchanging what is at zero."""

import numpy as np

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
