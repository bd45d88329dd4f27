"""A sparse precision matrix, for covariances of any rank."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from polytask.numeric.namespace import NUMPY_OPS
from polytask.numeric.prox import soft_threshold

_MAX_ITER = 2000
_TOLERANCE = 1e-6


def graphical_lasso(covariance: np.ndarray, price: float) -> np.ndarray:
    """Return argmin over P of tr(S P) - log|P| + price · Σ|P|, the diagonal included.

    scikit-learn's coordinate descent breaks down where S has far fewer directions than
    rows, as that of few features and many tasks; here each step is an eigenvalue
    decomposition.

    Args:
        covariance: S, positive semi-definite.
        price: Above 0.

    Returns:
        Positive definite matrix with exact zeros.

    Source:
        Boyd, Parikh, Chu, Peleato and Eckstein, "Distributed Optimization and
        Statistical Learning via the Alternating Direction Method of Multipliers",
        Found. Trends Mach. Learn. 2011 (section 6.5).
    """
    # In the unit of the price. No eigenvalue of P can then be above 1.
    s = covariance / price
    sparse, multiplier = np.diag(1.0 / (1.0 + np.diag(s))), np.zeros_like(s)
    step = 1.0 + float(np.diag(s).mean())
    for _ in range(_MAX_ITER):
        values, vectors = np.linalg.eigh(step * (sparse - multiplier) - s)
        roots = (values + np.sqrt(values**2 + 4.0 * step)) / (2.0 * step)
        smooth = (vectors * roots) @ vectors.T
        last = sparse
        sparse = soft_threshold(NUMPY_OPS, smooth + multiplier, 1.0 / step)
        multiplier = multiplier + smooth - sparse
        scale = float(np.abs(sparse).max())
        apart = max(np.abs(smooth - sparse).max(), np.abs(sparse - last).max())
        if apart <= _TOLERANCE * scale:
            break
    else:
        warnings.warn(
            f"A precision matrix is known to {apart / scale:.1g} of its largest entry "
            f"after {_MAX_ITER} iterations, not to {_TOLERANCE:.0g}.",
            ConvergenceWarning,
            stacklevel=2,
        )
    precision: np.ndarray = 0.5 * (sparse + sparse.T) / price
    return precision
