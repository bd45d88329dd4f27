"""No absolute number hides in a prox: everything scales with the weights."""

import numpy as np
import pytest
from keras import ops

from polytask import regularizers
from tests.helpers.regularizer_cases import weights

# Norms: prox of (c·w, c·step) is c times that of (w, step).
NORMS = {
    "l1": regularizers.L1(0.4),
    "group_lasso": regularizers.GroupLasso(0.3),
    "sparse_group_lasso": regularizers.SparseGroupLasso(0.5),
    "l21": regularizers.L21(0.6),
    "l1_inf": regularizers.L1Inf(0.7),
    "trace_norm": regularizers.TraceNorm(0.6),
    "spectral_norm": regularizers.SpectralNorm(0.6),
    "dirty": regularizers.Dirty(0.9, private=0.4),
    "fused": regularizers.FusedSparseGroupLasso(0.3, fusion=0.4, l1=0.1),
}


@pytest.mark.parametrize("name", sorted(NORMS))
@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_prox_of_a_norm_is_free_of_scale(name, scale):
    w = weights(21)
    plain = ops.convert_to_numpy(NORMS[name].prox(w, 1.0))
    scaled = ops.convert_to_numpy(NORMS[name].prox(w * np.float32(scale), scale))
    np.testing.assert_allclose(scaled / scale, plain, atol=2e-6)
    np.testing.assert_array_equal(scaled == 0, plain == 0)


@pytest.mark.parametrize("name", ["group_lasso", "l21"])
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_group_norms_neither_underflow_nor_overflow(name, scale):
    w = np.full((2, 3), scale, "float32")
    plain = float(NORMS[name](np.ones((2, 3), "float32")))
    assert float(NORMS[name](w)) == pytest.approx(plain * scale, rel=1e-5)


@pytest.mark.parametrize("spread", [0, 2, 5])
def test_the_group_prox_holds_in_metrics_of_any_spread(spread):
    generator = np.random.default_rng(spread)
    z = generator.normal(size=(200, 12))
    metric = 10 ** generator.uniform(-spread, spread, z.shape)
    radius = np.linalg.norm(metric * z, axis=1, keepdims=True)
    step = float(np.median(radius) * 0.3)
    shift = step / metric
    low, high = np.zeros((200, 1)), np.linalg.norm(z, axis=1, keepdims=True)
    for _ in range(100):
        middle = 0.5 * (low + high)
        inside = np.sum((z / (middle + shift)) ** 2, axis=1, keepdims=True) > 1
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    expected = np.where(radius > step, z * middle / (middle + shift), 0.0)
    found = regularizers.L21(1.0).prox(
        z.astype("float32"), step, metric.astype("float32")
    )
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, atol=3e-6)
