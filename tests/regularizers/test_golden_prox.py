"""Input and output pairs that were derived independently, beside the catalogue."""

import numpy as np
import pytest
from keras import ops

from polytask import regularizers

V = [3.0, -0.5, 1.0, -2.0]
ROWS = [[3.0, 4.0], [0.3, 0.4], [-6.0, 8.0]]
WHOLE = {"groups": "all", "scale_by_size": False}
CHAIN = [(0, 1), (1, 2)]

# (regularizer, input, step, output)
GOLDEN = [
    (regularizers.L1(1.0), V, 1.0, [2, 0, 0, -1]),
    (regularizers.L1(1.0), V, 0.75, [2.25, 0, 0.25, -1.25]),
    (regularizers.L1(3.0), V, 1.0, [0, 0, 0, 0]),
    (regularizers.ElasticNet(1.0, 1.0), V, 1.0, [1, 0, 0, -0.5]),
    (regularizers.GroupLasso(1.0, **WHOLE), [3.0, 4.0], 1.0, [2.4, 3.2]),
    (regularizers.GroupLasso(1.0, **WHOLE), [3.0, 4.0], 2.5, [1.5, 2]),
    (regularizers.GroupLasso(1.0, **WHOLE), [3.0, 4.0], 5.0, [0, 0]),
    (
        regularizers.SparseGroupLasso(2.0, **WHOLE),
        [3.0, 4.0, 0.5],
        1.0,
        [1.4453, 2.16795, 0],
    ),
    (regularizers.L21(1.0), ROWS, 1.0, [[2.4, 3.2], [0, 0], [-5.4, 7.2]]),
    (regularizers.L21(1.0), ROWS, 6.0, [[0, 0], [0, 0], [-2.4, 3.2]]),
    (regularizers.TraceNorm(1.0), [[3.0, 0.0], [0.0, 1.0]], 1.0, [[2, 0], [0, 0]]),
    (regularizers.TraceNorm(1.0), [[3.0, 0.0], [0.0, 1.0]], 0.5, [[2.5, 0], [0, 0.5]]),
    (
        regularizers.TraceNorm(1.0),
        [[1.0, 1.0], [1.0, 1.0]],
        0.5,
        [[0.75, 0.75], [0.75, 0.75]],
    ),
    (
        regularizers.TraceNorm(1.0),
        [[2.0, 2.0], [1.0, -1.0]],
        1.0,
        [[1.2929, 1.2929], [0.2929, -0.2929]],
    ),
    (
        regularizers.TraceNorm(2.0),
        [[2.0, 2.0], [1.0, -1.0]],
        1.0,
        [[0.5857864, 0.5857864], [0, 0]],
    ),
    (regularizers.L1Inf(1.0), [[3.0, 1.0, -2.0]], 1.0, [[2, 1, -2]]),
    (regularizers.L1Inf(1.0), [[3.0, 1.0, -2.0]], 2.0, [[1.5, 1, -1.5]]),
    (regularizers.L1Inf(1.0), [[3.0, 1.0, -2.0]], 4.5, [[0.5, 0.5, -0.5]]),
    (regularizers.L1Inf(1.0), [[3.0, 1.0, -2.0]], 6.0, [[0, 0, 0]]),
    (regularizers.ExclusiveLasso(1.0), [[3.0, 1.0, -2.0]], 1.0, [[4 / 3, 0, -1 / 3]]),
    (
        regularizers.ExclusiveLasso(1.0),
        [[3.0, 1.0, -2.0]],
        0.25,
        [[15 / 7, 1 / 7, -8 / 7]],
    ),
    (regularizers.MeanRegularized(1.0), [[1.0, 3.0, 5.0]], 1.0, [[2, 3, 4]]),
    (regularizers.MeanRegularized(3.0), [[1.0, 3.0, 5.0]], 1.0, [[2.5, 3, 3.5]]),
    (
        regularizers.MeanRegularized(1.0, ridge=0.5),
        [[1.0, 3.0, 5.0]],
        1.0,
        [[1.2, 2, 2.8]],
    ),
    (
        regularizers.GraphLaplacian(1.0, CHAIN),
        [[0.0, 0.0, 6.0]],
        1.0,
        [[0.75, 1.5, 3.75]],
    ),
    (
        regularizers.GraphLaplacian(0.5, CHAIN),
        [[0.0, 0.0, 6.0]],
        1.0,
        [[0.4, 1.2, 4.4]],
    ),
    (regularizers.GraphLaplacian(1.0, [(0, 1)]), [[0.0, 6.0]], 1.0, [[2, 4]]),
    (regularizers.SoftSharing(1.0), [[0.0, 6.0]], 1.0, [[2, 4]]),
    (regularizers.NetworkLasso(1.0, [(0, 1)]), [[0.0, 6.0]], 1.0, [[1, 5]]),
    (regularizers.NetworkLasso(1.0, [(0, 1)]), [[0.0, 6.0]], 3.0, [[3, 3]]),
    (regularizers.MCP(1.0, gamma=3.0), [0.5, 1.5, 2.5, 5.0], 1.0, [0, 0.75, 2.25, 5]),
    (regularizers.SCAD(1.0, a=3.7), [0.5, 1.5, 2.5, 5.0], 1.0, [0, 0.5, 1.794118, 5]),
    (
        regularizers.SpectralBall(1.0),
        [[2.0, 2.0], [1.0, -1.0]],
        1.0,
        [[0.7071, 0.7071], [0.7071, -0.7071]],
    ),
]


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case[0]!r}-{case[2]}")
def test_prox_matches_the_golden_value(case):
    penalty, values, step, expected = case
    found = penalty.prox(np.array(values, "float32"), step)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, atol=5e-5)


def test_group_prox_in_a_diagonal_metric_matches_the_worked_example():
    penalty = regularizers.GroupLasso(1.0, **WHOLE)
    metric = np.array([1.0, 4.0], "float32")
    found = penalty.prox(np.array([3.0, 4.0], "float32"), 1.0, metric)
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), [2.45617, 3.7902], atol=1e-5
    )


def test_trace_norms_of_a_rank_one_tensor_all_equal_its_norm():
    a = np.array([1.0, 2.0], "float32")
    cube = np.einsum("i,j,k->ijk", a, a, a)
    for unfolding, terms in (("last_axis", 1), ("tucker", 3), ("tensor_train", 2)):
        value = regularizers.TensorTraceNorm(1.0, unfolding)(cube)
        np.testing.assert_allclose(float(value), terms * 11.1803, rtol=1e-5)


def test_task_relationship_value_is_half_the_squared_trace_norm():
    w = np.array([[2.0, 2.0], [1.0, -1.0]], "float32")
    trace_norm = float(regularizers.TraceNorm(1.0)(w))
    value = float(regularizers.TaskRelationship(1.0)(w))
    np.testing.assert_allclose(value, 0.5 * trace_norm**2, rtol=1e-5)
