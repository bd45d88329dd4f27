"""Pure proximal operators and projections, functions of a namespace.

Each takes the namespace first: `keras.ops` in a network, NumPy in a linear model.
"""

from polytask.numeric.prox.concave import (
    capped_threshold,
    log_sum_threshold,
    power_threshold,
    root_threshold,
)
from polytask.numeric.prox.entries import (
    elastic_net,
    hard_threshold,
    mcp_threshold,
    project_top_k,
    scad_threshold,
    soft_threshold,
)
from polytask.numeric.prox.groups import (
    group_soft_threshold,
    project_euclidean_ball,
    shortened,
)
from polytask.numeric.prox.rows import (
    cluster_memberships,
    dirty_threshold,
    exclusive_soft_threshold,
    max_soft_threshold,
    project_l1_ball,
    project_simplex,
    sparse_group_dual_norm,
    total_variation,
)
from polytask.numeric.prox.singular_values import (
    map_singular_values,
    nuclear_norm,
    singular_directions,
    singular_value_threshold,
    thin_svd,
)
from polytask.numeric.prox.sorted_norms import (
    decreasing,
    sorted_dual_norm,
    sorted_soft_threshold,
)

__all__ = [
    "capped_threshold",
    "cluster_memberships",
    "decreasing",
    "dirty_threshold",
    "elastic_net",
    "exclusive_soft_threshold",
    "group_soft_threshold",
    "hard_threshold",
    "log_sum_threshold",
    "map_singular_values",
    "max_soft_threshold",
    "mcp_threshold",
    "nuclear_norm",
    "power_threshold",
    "project_euclidean_ball",
    "project_l1_ball",
    "project_simplex",
    "project_top_k",
    "root_threshold",
    "scad_threshold",
    "shortened",
    "singular_directions",
    "singular_value_threshold",
    "soft_threshold",
    "sorted_dual_norm",
    "sorted_soft_threshold",
    "sparse_group_dual_norm",
    "thin_svd",
    "total_variation",
]
