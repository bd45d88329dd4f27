"""Gradients of tasks, from harmless to degenerate."""

import functools

import numpy as np


@functools.cache
def graded_gradients() -> dict[str, np.ndarray]:
    """Return Jacobians of five tasks, by what is special about them.

    Returns:
        Kind → (5, p) float64 gradients; the same at each call.
    """
    rng = np.random.default_rng(7)
    base = rng.standard_normal((5, 12))
    ratios = base * np.array([[1e-2], [1.0], [10.0], [0.1], [1e2]])
    duplicate, opposite, zero = base.copy(), base.copy(), base.copy()
    duplicate[4] = 3.0 * duplicate[0]
    opposite[4] = -2.0 * opposite[0]
    zero[2] = 0.0
    return {
        "orthogonal": np.diag([1.0, 2.0, 0.5, 3.0, 1.0]),
        "random": base,
        "aligned": np.abs(base),
        "norms from 0.01 to 100": ratios,
        "duplicate": duplicate,
        "opposite": opposite,
        "zero row": zero,
        "nearly parallel": base[:1] + 1e-2 * base,
        "rank two": rng.standard_normal((5, 2)) @ rng.standard_normal((2, 12)),
    }


def gramian_of(jacobian: np.ndarray) -> np.ndarray:
    """Return J J' in float32, from a float64 product."""
    jacobian = np.asarray(jacobian, "float64")
    return (jacobian @ jacobian.T).astype("float32")
