"""Penalties, projections and task structures: value, gradient and exact prox."""

from polytask.regularizers.as_proximal import as_proximal
from polytask.regularizers.concave import (
    CappedL1,
    CappedRows,
    LogSum,
    Lq,
    MultiLevel,
)
from polytask.regularizers.entries import L0, L1, L2, L2SP, ElasticNet
from polytask.regularizers.feature_selection import (
    L21,
    ExclusiveLasso,
    FusedSparseGroupLasso,
    L1Inf,
    MultiTaskElasticNet,
    TaskStructure,
)
from polytask.regularizers.folded_concave import MCP, SCAD
from polytask.regularizers.kernels import (
    FactorTraceNorm,
    GroupLasso,
    Orthogonality,
    SparseGroupLasso,
    SpectralNorm,
    Sum,
    parts_of,
)
from polytask.regularizers.levels import (
    Multiplicative,
    NonconvexFusedSparseGroupLasso,
)
from polytask.regularizers.projections import (
    Box,
    L1Ball,
    MaxNorm,
    NonNegative,
    Orthonormal,
    Projection,
    Simplex,
    SpectralBall,
    TopK,
    UnitNorm,
)
from polytask.regularizers.regularizer import Regularizer
from polytask.regularizers.relations import (
    GraphLaplacian,
    MeanRegularized,
    NetworkLasso,
    SoftSharing,
    TemporalGroupLasso,
)
from polytask.regularizers.serialization import deserialize, get, names, serialize
from polytask.regularizers.sorted_norms import SLOPE, GrOWL
from polytask.regularizers.subspaces import (
    Clustered,
    TaskRelationship,
    TensorTraceNorm,
    TraceNorm,
)
from polytask.regularizers.sums import (
    Dirty,
    RobustL21,
    RobustTraceNorm,
    SparseLowRank,
    SumSplit,
)
from polytask.regularizers.task_tree import TreeGroupLasso
from polytask.regularizers.weighted_l1 import WeightedL1

__all__ = [
    "L0",
    "L1",
    "L2",
    "L2SP",
    "L21",
    "MCP",
    "SCAD",
    "SLOPE",
    "Box",
    "CappedL1",
    "CappedRows",
    "Clustered",
    "Dirty",
    "ElasticNet",
    "ExclusiveLasso",
    "FactorTraceNorm",
    "FusedSparseGroupLasso",
    "GrOWL",
    "GraphLaplacian",
    "GroupLasso",
    "L1Ball",
    "L1Inf",
    "LogSum",
    "Lq",
    "MaxNorm",
    "MeanRegularized",
    "MultiLevel",
    "MultiTaskElasticNet",
    "Multiplicative",
    "NetworkLasso",
    "NonNegative",
    "NonconvexFusedSparseGroupLasso",
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
    "TreeGroupLasso",
    "UnitNorm",
    "WeightedL1",
    "as_proximal",
    "deserialize",
    "get",
    "names",
    "parts_of",
    "serialize",
]
