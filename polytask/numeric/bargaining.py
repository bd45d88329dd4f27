"""Nash bargaining between the tasks, and its alpha-fair generalization."""

from polytask.numeric.equilibrate import equilibrate
from polytask.numeric.namespace import Namespace, Tensor

MAX_ITERATIONS = 40
FLOAT32_EPSILON = 2.0**-23
STEPS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0, 1.4, 2.0, 3.0)


def fair_bargaining(
    ops: Namespace,
    gramian: Tensor,
    present: Tensor = None,
    alpha: float = 1.0,
    shares: Tensor = None,
) -> Tensor:
    """Solve Gw = (p/w)^(1/alpha) for w > 0.

    It is the stationarity of 1/2 w'Gw - sum phi(w_t) with phi' = (p/w)^(1/alpha), which
    is strictly convex: Newton's method in the scale where orthogonal gradients have
    the solution 1, with the best of a few step lengths along each direction.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        gramian: (T, T) positive semi-definite matrix, of any scale.
        present: (T,) bool; absent tasks get 0. Defaults to all.
        alpha: Fairness; 1 is Nash bargaining, larger values favor tasks that improve
            little. Defaults to 1.
        shares: (T,) positive p, what each task may claim. Defaults to 1 each.

    Returns:
        (T,) weights; 0 for absent tasks and for zero gradients, which have no share
        in any bargain. For exactly opposed gradients no solution exists; the weights
        then end at what one rounding of the Gramian allows.

    Source:
        A. Navon et al. (2022), Multi-task learning as a bargaining game; H. Ban,
        K. Ji (2024), Fair resource allocation in multi-task learning; Qin et al.
        (2025), Revisiting fairness in multitask learning (the shares).
    """
    cosines, norms, present = equilibrate(ops, gramian, present)
    usable = present & (norms > 0)
    norms = ops.where(usable, norms, 1.0)
    size = norms.shape[0]
    eye = ops.eye(size, dtype=norms.dtype)
    # The Gramian is known to this rounding only; the ridge keeps it definite.
    ridge = FLOAT32_EPSILON * size**0.5
    cosines = cosines + eye * ridge
    # w = unit * x makes the system  m_i (C m x)_i = m_i^2 x_i^(-1/alpha).
    unit = norms ** (-2.0 * alpha / (alpha + 1.0))
    if shares is not None:
        claimed = ops.where(usable, ops.cast(shares, norms.dtype), 1.0)
        unit = unit * claimed ** (1.0 / (alpha + 1.0))
    m = norms * unit
    m = m / ops.max(m)
    steps = ops.cast(ops.convert_to_tensor(STEPS), norms.dtype)
    tiny = 1e-7 if "64" in str(norms.dtype) else 2e-6

    def residual(x: Tensor) -> Tensor:
        return ops.matmul(x * m, cosines) - m * x ** (-1.0 / alpha)

    def body(count: Tensor, x: Tensor, change: Tensor) -> tuple[Tensor, ...]:
        curvature = x ** (-1.0 / alpha - 1.0) / alpha
        diagonal = 1.0 + ridge + curvature
        scale = 1.0 / ops.sqrt(diagonal)
        matrix = scale[:, None] * (cosines + eye * curvature[:, None]) * scale[None, :]
        dx = scale * ops.solve(matrix, -(scale * residual(x))[:, None])[:, 0] / m
        relative = dx / x
        room = 1.0 / ops.maximum(ops.max(-relative), 1e-30)
        largest = ops.max(ops.abs(relative))
        trial = ops.minimum(steps, 0.95 * room)
        # The slope along the line is zero at the best step.
        points = x[None, :] + trial[:, None] * dx[None, :]
        slope = ops.matmul(residual(points), m * dx)
        best = ops.argmin(ops.abs(slope))
        near = largest < 0.1
        step = ops.where(near, ops.minimum(1.0, 0.95 * room), ops.take(trial, best))
        return count + 1, x + step * dx, largest

    def cond(count: Tensor, x: Tensor, change: Tensor) -> Tensor:
        return (count < MAX_ITERATIONS) & (change > tiny)

    start = ops.ones_like(norms)
    _, x, _ = ops.while_loop(cond, body, (0, start, ops.max(start)))
    # The Gramian was divided by its largest diagonal entry.
    top = ops.cast(ops.max(ops.where(usable, ops.diagonal(gramian), 0.0)), norms.dtype)
    common = ops.where(top > 0, top, 1.0) ** (-alpha / (alpha + 1.0))
    return ops.where(usable, common * unit * x, 0.0)
