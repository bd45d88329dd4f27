"""The largest singular value of a data matrix."""

import numpy as np

# Above this size the eigenvalues of the smaller Gram matrix cost more than the fit.
_DENSE = 1500
_ITERATIONS = 100


def spectral_bound(x: np.ndarray) -> float:
    """Return the largest singular value of `x`, for large matrices estimated.

    The estimate is that of a power iteration, 2 % up; a solver that uses it checks
    that its objective falls.

    Args:
        x: Matrix (examples, features).

    Returns:
        The singular value.
    """
    if min(x.shape) <= _DENSE:
        small = x @ x.T if x.shape[0] < x.shape[1] else x.T @ x
        return float(np.sqrt(max(np.linalg.eigvalsh(small)[-1], 0.0)))
    vector = np.random.default_rng(0).standard_normal(x.shape[1])
    value = 0.0
    for _ in range(_ITERATIONS):
        vector = x.T @ (x @ (vector / np.linalg.norm(vector)))
        previous, value = value, float(np.linalg.norm(vector))
        if value - previous <= 1e-3 * value:
            break
    return 1.02 * float(np.sqrt(value))
