"""Every prox with a formula of its own, against a general convex solver."""

import numpy as np
import pytest
from keras import ops
from scipy.stats import norm

from polytask import regularizers

cp = pytest.importorskip("cvxpy")

ROWS, TASKS = 6, 4
STEP = 0.8
GENERATOR = np.random.default_rng(1)
V = (2 * GENERATOR.normal(size=(ROWS, TASKS))).astype("float32")
METRIC = GENERATOR.uniform(0.3, 3.0, V.shape).astype("float32")


def solve(objective, constraints=()):
    problem = cp.Problem(cp.Minimize(objective), list(constraints))
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
    return problem.value


def over_rows(function, w):
    return sum(function(w[row]) for row in range(ROWS))


def over_columns(function, w):
    return sum(function(w[:, task]) for task in range(TASKS))


def jumps(w):
    return w[:, 1:] - w[:, :-1]


def by_rank(sizes, weights):
    """Return Σ_i weights_i times the i-th largest entry."""
    steps = weights - np.append(weights[1:], 0.0)
    largest = [step * cp.sum_largest(sizes, k + 1) for k, step in enumerate(steps)]
    return sum(largest)


def slope_weights(rate, size=ROWS * TASKS):
    quantiles = norm.ppf(1 - rate * np.arange(1, size + 1) / (2 * size))
    return quantiles / quantiles[0]


# (regularizer, the same penalty in cvxpy)
SINGLE = {
    "elastic_net": (
        regularizers.ElasticNet(0.5, 0.7),
        lambda w: 0.5 * cp.sum(cp.abs(w)) + 0.35 * cp.sum_squares(w),
    ),
    "group_lasso_units": (
        regularizers.GroupLasso(0.9, "units", scale_by_size=False),
        lambda w: 0.9 * over_columns(cp.norm2, w),
    ),
    "sparse_group_lasso": (
        regularizers.SparseGroupLasso(1.2, l1_ratio=0.25),
        lambda w: 0.3 * cp.sum(cp.abs(w)) + 1.8 * over_rows(cp.norm2, w),
    ),
    "l21": (regularizers.L21(1.5), lambda w: 1.5 * over_rows(cp.norm2, w)),
    "l1_inf": (regularizers.L1Inf(1.5), lambda w: 1.5 * over_rows(cp.norm_inf, w)),
    "exclusive_lasso": (
        regularizers.ExclusiveLasso(0.6),
        lambda w: 0.3 * over_rows(lambda row: cp.square(cp.norm1(row)), w),
    ),
    "slope": (
        regularizers.SLOPE(1.1, rate=0.3),
        lambda w: 1.1 * by_rank(cp.abs(cp.vec(w, order="C")), slope_weights(0.3)),
    ),
    "growl": (
        regularizers.GrOWL(0.7, clustering=1.5),
        lambda w: by_rank(
            cp.norm2(w, axis=1), 0.7 + 1.5 * np.arange(ROWS - 1, -1, -1) / ROWS
        ),
    ),
    "tree_group_lasso": (
        regularizers.TreeGroupLasso([[0, 1, 2], [1, 2], [3]], 0.9, [1.0, 0.7, 1.4]),
        lambda w: (
            0.9
            * over_rows(
                lambda row: (
                    cp.norm2(row[:3]) + 0.7 * cp.norm2(row[1:3]) + 1.4 * cp.abs(row[3])
                ),
                w,
            )
        ),
    ),
    "trace_norm": (regularizers.TraceNorm(1.4), lambda w: 1.4 * cp.normNuc(w)),
    "spectral_norm": (regularizers.SpectralNorm(2.0), lambda w: 2.0 * cp.sigma_max(w)),
    "task_relationship": (
        regularizers.TaskRelationship(0.3, ridge=0.4),
        lambda w: 0.15 * cp.square(cp.normNuc(w)) + 0.2 * cp.sum_squares(w),
    ),
    "temporal_group_lasso": (
        regularizers.TemporalGroupLasso(1.0, smoothness=0.8, ridge=0.3),
        lambda w: (
            over_rows(cp.norm2, w)
            + 0.4 * cp.sum_squares(jumps(w))
            + 0.15 * cp.sum_squares(w)
        ),
    ),
    "fused_sparse_group_lasso": (
        regularizers.FusedSparseGroupLasso(0.5, fusion=0.9, l1=0.2),
        lambda w: (
            0.5 * over_rows(cp.norm2, w)
            + 0.9 * cp.sum(cp.abs(jumps(w)))
            + 0.2 * cp.sum(cp.abs(w))
        ),
    ),
    "network_lasso": (
        regularizers.NetworkLasso(0.9, edges=[(0, 2), (1, 3, 0.5)]),
        lambda w: (
            0.9 * cp.norm2(w[:, 0] - w[:, 2]) + 0.45 * cp.norm2(w[:, 1] - w[:, 3])
        ),
    ),
}
# (regularizer, the parts in cvxpy)
SPLIT = {
    "dirty": (
        regularizers.Dirty(1.5, private=0.6),
        lambda p: 1.5 * over_rows(cp.norm_inf, p),
        lambda q: 0.6 * cp.sum(cp.abs(q)),
    ),
    "robust_trace_norm": (
        regularizers.RobustTraceNorm(1.5, outlier=1.2, iterations=200),
        lambda p: 1.5 * cp.normNuc(p),
        lambda q: 1.2 * over_columns(cp.norm2, q),
    ),
    "robust_l21": (
        regularizers.RobustL21(1.0, outlier=1.3, iterations=200),
        lambda p: over_rows(cp.norm2, p),
        lambda q: 1.3 * over_columns(cp.norm2, q),
    ),
    "sparse_low_rank": (
        regularizers.SparseLowRank(1.5, outlier=0.6, iterations=200),
        lambda p: 1.5 * cp.normNuc(p),
        lambda q: 0.6 * cp.sum(cp.abs(q)),
    ),
}
# (regularizer, its set in cvxpy)
SETS = {
    "max_norm": (
        regularizers.MaxNorm(1.1),
        lambda w: [cp.norm2(w[:, task]) <= 1.1 for task in range(TASKS)],
    ),
    "l1_ball": (regularizers.L1Ball(5.0), lambda w: [cp.sum(cp.abs(w)) <= 5.0]),
    "simplex": (
        regularizers.Simplex(1.5),
        lambda w: [w >= 0, cp.sum(w, axis=0) == 1.5],
    ),
    "spectral_ball": (
        regularizers.SpectralBall(1.3),
        lambda w: [cp.sigma_max(w) <= 1.3],
    ),
}


def metrics(penalty):
    """The metrics that the prox accepts, as (argument, weight of the squares)."""
    yield None, np.ones_like(V)
    yield np.float32(1.7), np.full_like(V, 1.7)
    if penalty.metric == "diagonal":
        yield METRIC, METRIC


def squares(w, weight):
    return 0.5 * cp.sum(cp.multiply(weight, cp.square(w - V)))


@pytest.mark.parametrize("name", sorted(SINGLE))
def test_prox_and_value_equal_those_of_a_convex_solver(name):
    penalty, formula = SINGLE[name]
    constant = cp.Constant(V.astype("float64"))
    assert float(penalty(V)) == pytest.approx(float(formula(constant).value), rel=1e-5)
    for metric, weight in metrics(penalty):
        w = cp.Variable(V.shape)
        solve(squares(w, weight) + STEP * formula(w))
        found = ops.convert_to_numpy(penalty.prox(V, STEP, metric))
        np.testing.assert_allclose(found, w.value, atol=5e-5)


@pytest.mark.parametrize("name", sorted(SETS))
def test_projections_equal_those_of_a_convex_solver(name):
    penalty, members = SETS[name]
    for metric, weight in metrics(penalty):
        w = cp.Variable(V.shape)
        solve(squares(w, weight), members(w))
        found = ops.convert_to_numpy(penalty.prox(V, STEP, metric))
        np.testing.assert_allclose(found, w.value, atol=5e-5)


@pytest.mark.parametrize("name", sorted(SPLIT))
def test_sum_split_penalties_equal_a_convex_solver_over_both_parts(name):
    penalty, first, second = SPLIT[name]
    p, q = cp.Variable(V.shape), cp.Variable(V.shape)
    solve(0.5 * cp.sum_squares(p + q - V) + STEP * (first(p) + second(q)))
    found = ops.convert_to_numpy(penalty.prox(V, STEP))
    np.testing.assert_allclose(found, p.value + q.value, atol=5e-5)
    cheapest = solve(first(p) + second(q), [p + q == V])
    assert float(penalty(V)) == pytest.approx(cheapest, rel=1e-4)
    parts = [ops.convert_to_numpy(part) for part in penalty.split(V)]
    np.testing.assert_allclose(parts[0] + parts[1], V, atol=1e-5)
    for part, regularizer, formula in zip(
        parts, penalty.parts, (first, second), strict=True
    ):
        expected = float(formula(cp.Constant(part.astype("float64"))).value)
        assert float(regularizer(part)) == pytest.approx(expected, rel=1e-4)


def test_the_cluster_penalty_equals_its_semidefinite_program():
    eta, clusters = 0.3, 2
    matrix = cp.Variable((TASKS, TASKS), PSD=True)
    identity = np.eye(TASKS)
    value = solve(
        cp.matrix_frac(V.T.astype("float64"), eta * identity + matrix),
        [identity - matrix >> 0, cp.trace(matrix) == clusters],
    )
    found = regularizers.Clustered(clusters, strength=2.0, eta=eta)(V)
    assert float(found) == pytest.approx((1 + eta) * value, rel=1e-4)
