"""Moreau's identity: prox of a norm plus the projection onto its dual ball is w."""

import cvxpy as cp
import numpy as np
import pytest
from keras import ops

from polytask import regularizers
from tests.helpers.regularizer_cases import weights

STEP = 0.7

# A norm, and the dual norm of a cvxpy variable.
DUAL_NORMS = {
    "l1": (regularizers.L1(1.0), lambda z: cp.max(cp.abs(z))),
    "l21": (regularizers.L21(1.0), lambda z: cp.max(cp.norm(z, 2, axis=1))),
    "l1_inf": (regularizers.L1Inf(1.0), lambda z: cp.max(cp.norm(z, 1, axis=1))),
    "trace_norm": (regularizers.TraceNorm(1.0), cp.sigma_max),
    "spectral_norm": (regularizers.SpectralNorm(1.0), cp.normNuc),
}


@pytest.mark.parametrize("name", sorted(DUAL_NORMS))
def test_a_prox_and_the_projection_onto_the_dual_ball_add_up(name):
    norm, dual = DUAL_NORMS[name]
    w = weights(31)
    z = cp.Variable(w.shape)
    nearest = cp.Minimize(cp.sum_squares(z - w))
    cp.Problem(nearest, [dual(z) <= STEP]).solve(cp.CLARABEL)
    prox = ops.convert_to_numpy(norm.prox(w, STEP))
    np.testing.assert_allclose(prox + z.value, w, atol=2e-4)
