"""The best worst-case improvement within a ball around the mean gradient."""

import numpy as np

from polytask.numeric.equilibrate import equilibrate
from polytask.numeric.namespace import NUMPY_OPS, Namespace, Tensor
from polytask.numeric.nonnegative import (
    FLOAT32_EPSILON,
    MAX_EXCHANGES,
    PATIENCE,
    exchanged,
)


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


MAX_ITERATIONS = 40
# The objective is v - FAVOR_SHORT / 2 |x|^2. On the boundary of the ball, where the
# solution is unique, that adds a constant; inside, it selects the shortest x.
FAVOR_SHORT = 1e-2


def conflict_averse(
    ops: Namespace, gramian: Tensor, c: float, present: Tensor = None
) -> Tensor:
    """Maximize min_t g_t'd over directions d with |d - g0| <= c |g0|.

    g0 is the mean gradient. With unit rows u_t, radius k = c|g0| and d = g0 + k x the
    problem is: maximize v subject to p_t + u_t'x >= a_t v and |x| <= 1, where p_t is
    u_t'g0 / k and a_t the smallest norm over that of task t. It is solved in the span
    of the gradients: in NumPy by exchanging the binding tasks; compiled, and where
    that does not end, by a primal-dual interior point method.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        gramian: (T, T) positive semi-definite matrix, of any scale.
        c: Radius relative to the mean gradient; 0 gives the mean.
        present: (T,) bool; absent tasks get 0. Defaults to all.

    Returns:
        (T,) weights of d: 1/T plus a non-negative part.

    Source:
        B. Liu et al. (2021), Conflict-averse gradient descent for multi-task learning.
    """
    cosines, norms, present = equilibrate(ops, gramian, present)
    count = ops.sum(ops.cast(present, norms.dtype))
    mean = ops.where(present, 1.0 / count, 0.0)
    usable = present & (norms > 0)
    # A zero gradient improves by nothing, whatever the direction.
    safe = ops.where(norms > 0, norms, 1.0)
    projections = ops.matmul(cosines, mean * norms)
    length = ops.sqrt(ops.maximum(ops.sum(projections * mean * norms), 0.0))
    radius = c * length
    # Without a radius the mean is all there is.
    known = radius > 0
    offset = projections / ops.where(known, radius, 1.0)
    inverse = ops.min(ops.where(usable, norms, 1.0)) / safe
    # Without any gradient the problem is empty; solve any, use none.
    empty = ops.logical_not(ops.any(usable))
    inverse = ops.where(usable | empty, inverse, 0.0)
    offset = ops.where(usable, offset, 1.0)
    x = _solve(ops, cosines, offset, inverse)
    added = ops.where(usable & known, radius * x / safe, 0.0)
    return mean + ops.maximum(added, 0.0)


def _solve(ops: Namespace, cosines: Tensor, offset: Tensor, inverse: Tensor) -> Tensor:
    """Maximize v subject to offset + Cx >= inverse v, x'Cx <= 1; return x."""
    size = cosines.shape[0]
    ridge = FLOAT32_EPSILON * size**0.5
    cosines = cosines + ops.eye(size, dtype=cosines.dtype) * ridge
    x = None
    if ops is NUMPY_OPS:
        x = pivot_in_ball(cosines, offset, inverse, FAVOR_SHORT)
    if x is None:
        x = interior_point_in_ball(ops, cosines, offset, inverse)
    # Inside of the ball where no direction within it improves all tasks.
    return x / ops.sqrt(ops.maximum(ops.sum(x * ops.matmul(cosines, x)), 1.0))


def interior_point_in_ball(
    ops: Namespace, cosines: Tensor, offset: Tensor, inverse: Tensor
) -> Tensor:
    """Maximize v - r/2 x'Cx over offset + Cx >= inverse v, x'Cx <= 1.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        cosines: (T, T) positive definite C, with a diagonal of order 1.
        offset: (T,) gains at x = 0.
        inverse: (T,) non-negative units of the gains, not all 0.

    Returns:
        (T,) x, non-negative; r is `FAVOR_SHORT`.
    """
    size = cosines.shape[0]
    eye = ops.eye(size, dtype=cosines.dtype)
    tiny = 1e-12 if "64" in str(cosines.dtype) else 1e-9
    huge = 1e30

    def room(value: Tensor, change: Tensor) -> Tensor:
        return ops.min(
            ops.where(change < 0, -value / ops.where(change < 0, change, -1.0), huge)
        )

    def body(
        count: Tensor, x: Tensor, v: Tensor, y: Tensor, s: Tensor, m: Tensor, t: Tensor
    ) -> tuple[Tensor, ...]:
        # y, s: multipliers and slacks of the tasks; m, t: those of the ball.
        cx = ops.matmul(cosines, x)
        pull = m + FAVOR_SHORT
        r_x = pull * x - y
        r_v = ops.sum(inverse * y) - 1.0
        r_s = s - (offset + cx - inverse * v)
        r_t = t - 0.5 * (1.0 - ops.sum(x * cx))
        gap = (ops.sum(y * s) + m * t) / (size + 1)
        ratio = pull * s / y
        scale = 1.0 / ops.sqrt(ops.diagonal(cosines) + ratio)
        matrix = scale[:, None] * cosines * scale[None, :] + eye * (ratio * scale**2)
        bend = s * x / y

        def newton(target_s: Tensor, target_t: Tensor) -> tuple[Tensor, ...]:
            right = (target_s - s * r_x) / y + r_s
            columns = ops.stack([right, inverse, bend], axis=-1)
            solved = scale[:, None] * ops.solve(matrix, scale[:, None] * columns)
            u, w, z = solved[:, 0], solved[:, 1], solved[:, 2]
            # dx = u + w dv - z dm; two equations are left for dv and dm.
            a11 = pull * ops.sum(inverse * w)
            a12 = ops.sum(inverse * (x - pull * z))
            b1 = -r_v - ops.sum(inverse * (pull * u + r_x))
            a21 = -m * ops.sum(cx * w)
            a22 = t + m * ops.sum(cx * z)
            b2 = target_t + m * r_t + m * ops.sum(cx * u)
            det = a11 * a22 - a12 * a21
            dv = (b1 * a22 - b2 * a12) / det
            dm = (a11 * b2 - a21 * b1) / det
            dx = u + w * dv - z * dm
            dy = pull * dx + x * dm + r_x
            ds = ops.matmul(cosines, dx) - inverse * dv - r_s
            dt = -ops.sum(cx * dx) - r_t
            step = ops.minimum(room(y, dy), room(s, ds))
            step = ops.minimum(step, ops.minimum(room(m, dm), room(t, dt)))
            return dx, dv, dy, ds, dm, dt, step

        _, _, dy, ds, dm, dt, step = newton(-y * s, -m * t)
        step = ops.minimum(1.0, step)
        after = ops.sum((y + step * dy) * (s + step * ds))
        after = (after + (m + step * dm) * (t + step * dt)) / (size + 1)
        target = ops.clip(after / gap, 0.01, 1.0) ** 2 * gap
        dx, dv, dy, ds, dm, dt, step = newton(
            target - y * s - step * dy * ds, target - m * t - step * dm * dt
        )
        step = ops.minimum(1.0, 0.98 * step)
        return (
            count + 1,
            x + step * dx,
            v + step * dv,
            y + step * dy,
            s + step * ds,
            m + step * dm,
            t + step * dt,
        )

    def cond(
        count: Tensor, x: Tensor, v: Tensor, y: Tensor, s: Tensor, m: Tensor, t: Tensor
    ) -> Tensor:
        gap = ops.max(y * s) + m * t
        return (count < MAX_ITERATIONS) & (gap > tiny)

    one = ops.ones_like(offset)
    unit = ops.sum(one) / size
    y = one / ops.sum(inverse)
    state = (0, ops.zeros_like(one), -unit, y, one, unit, 0.5 * unit)
    state = ops.while_loop(cond, body, state)
    return ops.maximum(state[1], 0.0)
