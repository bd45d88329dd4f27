"""The conflict-averse problem solved exactly, by exchanging the binding tasks."""

import numpy as np

from polytask.numeric.pivoting import MAX_EXCHANGES, PATIENCE, exchanged


def pivot_in_ball(
    cosines: np.ndarray, offset: np.ndarray, inverse: np.ndarray, favor_short: float
) -> np.ndarray | None:
    """Maximize v - r/2 x'Cx over offset + Cx >= inverse v, x'Cx <= 1; in NumPy.

    Guess which tasks bind. They alone carry x, which is then linear in v, and the
    ball, or the price r of length inside of it, leaves one v. Exchange the tasks that
    turn out on the wrong side: carrying less than nothing, or gaining less than v.

    Args:
        cosines: (T, T) positive definite C, with a diagonal of order 1.
        offset: (T,) gains at x = 0.
        inverse: (T,) non-negative units of the gains, not all 0.
        favor_short: The price r.

    Returns:
        (T,) x, non-negative; None if the exchanges do not end.
    """
    size = offset.shape[0]
    binds = inverse > 0
    both = np.stack([inverse, offset], axis=1)
    reach = max(1.0, np.abs(offset).max())
    fewest, patience = np.array([size + 1]), np.array([PATIENCE])
    for _ in range(MAX_EXCHANGES):
        on = binds.nonzero()[0]
        if not on.size:
            return None
        # On the binding tasks x = v slope - start, and x'Cx = 1 is quadratic in v.
        solved = np.linalg.solve(cosines[on[:, None], on], both[on])
        products = both[on].T @ solved
        a, b, c = products[0, 0], products[0, 1], products[1, 1] - 1.0
        inside = b * b - a * c
        # The price of length is 1 / inverse'x on the boundary; inside, it is r.
        v = min(b + max(inside, 0.0) ** 0.5, b + 1.0 / favor_short) / a
        x = np.zeros(size)
        x[on] = solved @ (v, -1.0)
        slack = offset + cosines @ x - inverse * v
        top = max(1.0, np.abs(x).max())
        least = np.where(binds, -1e-10 * top, -1e-14 * size * top * reach)
        wrong = np.where(binds, x, slack) < least
        if not wrong.any():
            return np.maximum(x, 0.0) if inside >= 0 else None
        wrong, fewest, patience = exchanged(wrong[None], fewest, patience)
        binds = binds ^ wrong[0]
    return None
