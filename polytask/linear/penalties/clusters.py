"""Clustered multi-task learning."""

import numpy as np

from polytask.linear.penalties.penalty import Penalty

_HALVINGS = 100


def _levels(s: np.ndarray, shift: float, total: float, eta: float) -> np.ndarray:
    """Return θ = clip(s/ν - shift, η, 1 + η) with Σ (θ - η) = total, where s > 0."""
    theta = np.full(s.shape, eta)
    positive = s > 0
    if np.count_nonzero(positive) <= total:
        theta[positive] = 1.0 + eta
        return theta
    values = s[positive]
    low, high = 0.0, (1.0 + eta + shift) / values.min()
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        filled = np.clip(values * middle - shift, eta, 1.0 + eta)
        if np.sum(filled - eta) > total:
            high = middle
        else:
            low = middle
    theta[positive] = np.clip(values * high - shift, eta, 1.0 + eta)
    return theta


class Clusters(Penalty):
    """(λ/2)(1 + η) min_M tr(W (ηI + M)⁻¹ Wᵀ), 0 ⪯ M ⪯ I with trace k.

    For the singular values s it is (λ/2)(1 + η) Σ s²/θ, with θ = η + m at its best;
    in the prox the same problem returns with θ shifted by the step.

    Args:
        strength: λ.
        clusters: k.
        eta: η.

    Source:
        McDonald, Pontil and Stamos, "New Perspectives on k-Support and Cluster Norms",
        JMLR 2016, for the form of the prox.
    """

    def __init__(self, strength: float, clusters: int, eta: float) -> None:
        self.scale, self.clusters, self.eta = strength * (1.0 + eta), clusters, eta

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        s = np.linalg.svd(w, compute_uv=False)
        theta = _levels(s, 0.0, self.clusters, self.eta)
        return 0.5 * self.scale * float(np.sum(s**2 / theta))

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the matrix with singular values s θ/(θ + step · λ(1 + η))."""
        u, s, vt = np.linalg.svd(v, full_matrices=False)
        shift = step * self.scale
        theta = _levels(s, shift, self.clusters, self.eta)
        product: np.ndarray = (u * (s * theta / (theta + shift))) @ vt
        return product
