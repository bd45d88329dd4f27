"""Penalties, projections and task structures: value, gradient and exact prox."""

from polytask.regularizers.as_proximal import as_proximal
from polytask.regularizers.penalties.elastic_net import ElasticNet
from polytask.regularizers.penalties.factor_trace_norm import FactorTraceNorm
from polytask.regularizers.penalties.group_lasso import GroupLasso
from polytask.regularizers.penalties.l0 import L0
from polytask.regularizers.penalties.l1 import L1
from polytask.regularizers.penalties.l2 import L2
from polytask.regularizers.penalties.l2_sp import L2SP
from polytask.regularizers.penalties.mcp import MCP
from polytask.regularizers.penalties.orthogonality import Orthogonality
from polytask.regularizers.penalties.scad import SCAD
from polytask.regularizers.penalties.sparse_group_lasso import SparseGroupLasso
from polytask.regularizers.penalties.spectral_norm import SpectralNorm
from polytask.regularizers.penalties.sum import Sum, parts_of
from polytask.regularizers.projections.box import Box
from polytask.regularizers.projections.l1_ball import L1Ball
from polytask.regularizers.projections.max_norm import MaxNorm
from polytask.regularizers.projections.non_negative import NonNegative
from polytask.regularizers.projections.orthonormal import Orthonormal
from polytask.regularizers.projections.projection import Projection
from polytask.regularizers.projections.simplex import Simplex
from polytask.regularizers.projections.spectral_ball import SpectralBall
from polytask.regularizers.projections.top_k import TopK
from polytask.regularizers.projections.unit_norm import UnitNorm
from polytask.regularizers.regularizer import Regularizer
from polytask.regularizers.serialization import deserialize, get, names, serialize
from polytask.regularizers.structures.clustered import Clustered
from polytask.regularizers.structures.dirty import Dirty
from polytask.regularizers.structures.exclusive_lasso import ExclusiveLasso
from polytask.regularizers.structures.fused_sparse_group_lasso import (
    FusedSparseGroupLasso,
)
from polytask.regularizers.structures.graph_laplacian import GraphLaplacian
from polytask.regularizers.structures.l1_inf import L1Inf
from polytask.regularizers.structures.l21 import L21
from polytask.regularizers.structures.mean_regularized import MeanRegularized
from polytask.regularizers.structures.network_lasso import NetworkLasso
from polytask.regularizers.structures.robust_l21 import RobustL21
from polytask.regularizers.structures.robust_trace_norm import RobustTraceNorm
from polytask.regularizers.structures.soft_sharing import SoftSharing
from polytask.regularizers.structures.sparse_low_rank import SparseLowRank
from polytask.regularizers.structures.sum_split import SumSplit
from polytask.regularizers.structures.task_relationship import TaskRelationship
from polytask.regularizers.structures.task_structure import TaskStructure
from polytask.regularizers.structures.temporal_group_lasso import TemporalGroupLasso
from polytask.regularizers.structures.tensor_trace_norm import TensorTraceNorm
from polytask.regularizers.structures.trace_norm import TraceNorm

__all__ = [
    "L0",
    "L1",
    "L2",
    "L2SP",
    "L21",
    "MCP",
    "SCAD",
    "Box",
    "Clustered",
    "Dirty",
    "ElasticNet",
    "ExclusiveLasso",
    "FactorTraceNorm",
    "FusedSparseGroupLasso",
    "GraphLaplacian",
    "GroupLasso",
    "L1Ball",
    "L1Inf",
    "MaxNorm",
    "MeanRegularized",
    "NetworkLasso",
    "NonNegative",
    "Orthogonality",
    "Orthonormal",
    "Projection",
    "Regularizer",
    "RobustL21",
    "RobustTraceNorm",
    "Simplex",
    "SoftSharing",
    "SparseGroupLasso",
    "SparseLowRank",
    "SpectralBall",
    "SpectralNorm",
    "Sum",
    "SumSplit",
    "TaskRelationship",
    "TaskStructure",
    "TemporalGroupLasso",
    "TensorTraceNorm",
    "TopK",
    "TraceNorm",
    "UnitNorm",
    "as_proximal",
    "deserialize",
    "get",
    "names",
    "parts_of",
    "serialize",
]
