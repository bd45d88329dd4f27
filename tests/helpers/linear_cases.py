"""Data and structures that the tests of `polytask.linear` share."""

import numpy as np

from polytask import regularizers

OPTIONS = {
    "capped_rows": {"cap": 4.0},
    "log_sum": {"epsilon": 1.0},
    "clustered": {"clusters": 2},
    "graph_laplacian": {"edges": "chain"},
    "nonconvex_fused_sparse_group_lasso": {"fusion": 0.004},
    "sparse_group_lasso": {"l1_ratio": 0.3},
    "fused_sparse_group_lasso": {"strength": 0.01, "fusion": 0.005, "l1": 0.003},
    "temporal_group_lasso": {"smoothness": 0.02, "ridge": 0.01},
    "mean_regularized": {"strength": 0.01, "ridge": 0.002},
    "robust_l21": {"strength": 0.01, "outlier": 0.015},
    "robust_trace_norm": {"strength": 0.01, "outlier": 0.008},
    "sparse_low_rank": {"strength": 0.01, "outlier": 0.004},
    "tree_group_lasso": {"groups": [[0, 1], [0, 1, 2]]},
}
SPLIT = ("dirty", "robust_l21", "robust_trace_norm", "sparse_low_rank")


def structure(name):
    return regularizers.get(name, **OPTIONS.get(name, {}))


def data(examples=40, features=12, tasks=4, seed=0):
    """Inputs of different units, and targets that share four features."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((examples, features)) * np.linspace(0.5, 2, features) + 1
    w = np.zeros((features, tasks))
    w[:4] = random.standard_normal((4, tasks)) + 1
    return x, x @ w + random.standard_normal((examples, tasks)) + 3


def with_missing(y, seed=1):
    holes = np.random.default_rng(seed).random(y.shape) < 0.25
    return np.where(holes, np.nan, y)


def as_lists(x, y):
    """The same examples, task by task, without the unlabeled ones."""
    known = ~np.isnan(y)
    return (
        [x[known[:, t]] for t in range(y.shape[1])],
        [y[known[:, t], t] for t in range(y.shape[1])],
    )
