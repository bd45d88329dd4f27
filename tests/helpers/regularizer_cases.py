"""One instance of every regularizer: a new one adds a line and inherits the tests."""

import numpy as np

from polytask import regularizers

ROWS, TASKS = 5, 4
REFERENCE = np.linspace(-1.0, 1.0, ROWS * TASKS).reshape(ROWS, TASKS)

PENALTIES = {
    "capped_l1": regularizers.CappedL1(0.4, cap=0.75),
    "elastic_net": regularizers.ElasticNet(0.3, 0.5),
    "factor_trace_norm": regularizers.FactorTraceNorm(0.4),
    "group_lasso": regularizers.GroupLasso(0.3),
    "l0": regularizers.L0(0.2),
    "l1": regularizers.L1(0.4),
    "l2": regularizers.L2(0.7),
    "l2_sp": regularizers.L2SP(REFERENCE, 0.5, importance=np.abs(REFERENCE)),
    "log_sum": regularizers.LogSum(0.4, epsilon=0.7),
    "lq": regularizers.Lq(0.3, power=0.6),
    "mcp": regularizers.MCP(0.4, gamma=3.0),
    "orthogonality": regularizers.Orthogonality(0.1),
    "scad": regularizers.SCAD(0.4),
    "slope": regularizers.SLOPE(0.6, rate=0.3),
    "sparse_group_lasso": regularizers.SparseGroupLasso(0.5, l1_ratio=0.3),
    "spectral_norm": regularizers.SpectralNorm(0.8),
    "weighted_l1": regularizers.WeightedL1(np.abs(REFERENCE)),
}
PROJECTIONS = {
    "box": regularizers.Box(-0.5, 0.7),
    "l1_ball": regularizers.L1Ball(2.0, groups="units"),
    "max_norm": regularizers.MaxNorm(0.8),
    "non_negative": regularizers.NonNegative(),
    "orthonormal": regularizers.Orthonormal(),
    "simplex": regularizers.Simplex(1.5),
    "spectral_ball": regularizers.SpectralBall(1.2),
    "top_k": regularizers.TopK(7),
    "unit_norm": regularizers.UnitNorm(),
}
STRUCTURES = {
    "capped_rows": regularizers.CappedRows(0.4, cap=1.95),
    "clustered": regularizers.Clustered(2, 0.6, eta=0.3),
    "dirty": regularizers.Dirty(0.9, private=0.4),
    "exclusive_lasso": regularizers.ExclusiveLasso(0.3),
    "fused_sparse_group_lasso": regularizers.FusedSparseGroupLasso(
        0.3, fusion=0.4, l1=0.1
    ),
    "graph_laplacian": regularizers.GraphLaplacian(0.6, edges=[(0, 1), (1, 3, 0.5)]),
    "growl": regularizers.GrOWL(0.4, clustering=0.5),
    "l1_inf": regularizers.L1Inf(0.7),
    "l21": regularizers.L21(0.6),
    "mean_regularized": regularizers.MeanRegularized(0.8, ridge=0.2),
    "multi_level": regularizers.MultiLevel(0.5),
    "multi_task_elastic_net": regularizers.MultiTaskElasticNet(0.8, l1_ratio=0.7),
    "multiplicative": regularizers.Multiplicative(0.5),
    "network_lasso": regularizers.NetworkLasso(0.5, edges=[(0, 2), (1, 3, 2.0)]),
    "nonconvex_fused_sparse_group_lasso": (
        regularizers.NonconvexFusedSparseGroupLasso(0.5, fusion=0.2)
    ),
    "robust_l21": regularizers.RobustL21(0.5, outlier=0.6, iterations=50),
    "robust_trace_norm": regularizers.RobustTraceNorm(0.7, outlier=0.5, iterations=50),
    "soft_sharing": regularizers.SoftSharing(0.3),
    "sparse_low_rank": regularizers.SparseLowRank(0.7, outlier=0.3, iterations=50),
    "task_relationship": regularizers.TaskRelationship(0.3, ridge=0.2),
    "temporal_group_lasso": regularizers.TemporalGroupLasso(
        0.4, smoothness=0.5, ridge=0.1
    ),
    "tensor_trace_norm": regularizers.TensorTraceNorm(0.5),
    "trace_norm": regularizers.TraceNorm(0.6),
    "tree_group_lasso": regularizers.TreeGroupLasso(
        [[0, 1], [0, 1, 2, 3], [3]], 0.4, weights=[1.0, 0.5, 2.0]
    ),
}
ALL = PENALTIES | PROJECTIONS | STRUCTURES

# Non-convex ones have no non-expansive prox and no global optimality condition.
NON_CONVEX = {
    *("capped_l1", "capped_rows", "l0", "log_sum", "lq", "mcp", "scad"),
    *("multi_level", "multiplicative", "nonconvex_fused_sparse_group_lasso"),
    *("orthogonality", "orthonormal", "top_k", "unit_norm"),
}
# An alternation instead of a closed form.
ITERATED = {"robust_l21", "robust_trace_norm", "sparse_low_rank"}


def with_prox(names):
    return sorted(name for name in names if ALL[name].has_prox)


def weights(seed=0, rows=ROWS, tasks=TASKS, scale=1.0):
    values = np.random.default_rng(seed).normal(size=(rows, tasks)) * scale
    return values.astype("float32")
