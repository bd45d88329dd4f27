"""Pure proximal operators and projections, in `keras.ops`."""

from polytask.numeric.prox.dirty import dirty_threshold
from polytask.numeric.prox.elastic_net import elastic_net
from polytask.numeric.prox.euclidean_ball import project_euclidean_ball
from polytask.numeric.prox.exclusive import exclusive_soft_threshold
from polytask.numeric.prox.group import group_soft_threshold
from polytask.numeric.prox.hard_threshold import hard_threshold
from polytask.numeric.prox.l1_ball import project_l1_ball
from polytask.numeric.prox.l1_inf import max_soft_threshold
from polytask.numeric.prox.mcp import mcp_threshold
from polytask.numeric.prox.metric_group import metric_group_soft_threshold
from polytask.numeric.prox.nuclear import singular_value_threshold
from polytask.numeric.prox.scad import scad_threshold
from polytask.numeric.prox.simplex import project_simplex
from polytask.numeric.prox.soft_threshold import soft_threshold
from polytask.numeric.prox.top_k import project_top_k
from polytask.numeric.prox.total_variation import total_variation

__all__ = [
    "dirty_threshold",
    "elastic_net",
    "exclusive_soft_threshold",
    "group_soft_threshold",
    "hard_threshold",
    "max_soft_threshold",
    "mcp_threshold",
    "metric_group_soft_threshold",
    "project_euclidean_ball",
    "project_l1_ball",
    "project_simplex",
    "project_top_k",
    "scad_threshold",
    "singular_value_threshold",
    "soft_threshold",
    "total_variation",
]
