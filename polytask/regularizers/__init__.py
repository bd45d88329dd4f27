"""Penalties, projections and task structures: value, gradient and exact prox."""

import inspect
from typing import Any

import keras

from polytask._registry import Registry
from polytask.errors import UserError, nearest
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

_CLASSES: dict[str, type[keras.regularizers.Regularizer]] = {
    "box": Box,
    "capped_l1": CappedL1,
    "capped_rows": CappedRows,
    "clustered": Clustered,
    "dirty": Dirty,
    "elastic_net": ElasticNet,
    "exclusive_lasso": ExclusiveLasso,
    "factor_trace_norm": FactorTraceNorm,
    "fused_sparse_group_lasso": FusedSparseGroupLasso,
    "graph_laplacian": GraphLaplacian,
    "group_lasso": GroupLasso,
    "growl": GrOWL,
    "l0": L0,
    "l1": L1,
    "l1_ball": L1Ball,
    "l1_inf": L1Inf,
    "l2": L2,
    "l21": L21,
    "l2_sp": L2SP,
    "log_sum": LogSum,
    "lq": Lq,
    "max_norm": MaxNorm,
    "mcp": MCP,
    "mean_regularized": MeanRegularized,
    "multi_task_elastic_net": MultiTaskElasticNet,
    "multi_level": MultiLevel,
    "multiplicative": Multiplicative,
    "network_lasso": NetworkLasso,
    "non_negative": NonNegative,
    "nonconvex_fused_sparse_group_lasso": NonconvexFusedSparseGroupLasso,
    "orthogonality": Orthogonality,
    "orthonormal": Orthonormal,
    "robust_l21": RobustL21,
    "robust_trace_norm": RobustTraceNorm,
    "scad": SCAD,
    "simplex": Simplex,
    "slope": SLOPE,
    "soft_sharing": SoftSharing,
    "sparse_group_lasso": SparseGroupLasso,
    "sparse_low_rank": SparseLowRank,
    "spectral_ball": SpectralBall,
    "spectral_norm": SpectralNorm,
    "task_relationship": TaskRelationship,
    "temporal_group_lasso": TemporalGroupLasso,
    "tensor_trace_norm": TensorTraceNorm,
    "top_k": TopK,
    "trace_norm": TraceNorm,
    "tree_group_lasso": TreeGroupLasso,
    "unit_norm": UnitNorm,
    "weighted_l1": WeightedL1,
}

# Keras's own names, class names, and names used in the literature stay valid.
_ALIASES: dict[str, type[keras.regularizers.Regularizer]] = {
    **{member.__name__.lower(): member for member in _CLASSES.values()},
    "cfsgl": FusedSparseGroupLasso,
    "hard_threshold": L0,
    "l1_l2": ElasticNet,
    "l1l2": ElasticNet,
    "l2_1": L21,
    "msmtfl": CappedRows,
    "nonnegative": NonNegative,
    "orthogonal_regularizer": keras.regularizers.OrthogonalRegularizer,
    "orthogonalregularizer": keras.regularizers.OrthogonalRegularizer,
    "tgl": TemporalGroupLasso,
}

_REGISTRY: Registry[keras.regularizers.Regularizer] = Registry(
    "regularizer", keras.regularizers.Regularizer, _CLASSES, _ALIASES
)

serialize = _REGISTRY.serialize
deserialize = _REGISTRY.deserialize


def names() -> list[str]:
    """Return the identifiers that `get` knows, in alphabetical order.

    Example:
        >>> names()[:3]
        ['box', 'capped_l1', 'capped_rows']
    """
    return _REGISTRY.names()


def get(identifier: Any, **options: Any) -> keras.regularizers.Regularizer | None:
    """Return a regularizer for a name, class, instance, configuration or None.

    Args:
        identifier: A name of `names`, one of Keras's own (`"l1"`, `"l2"`, `"l1_l2"`
            are polytask's classes), a class, an instance of Keras or polytask, a Keras
            configuration dictionary, or None.
        **options: Arguments of the constructor, for a name or a class.

    Returns:
        The regularizer, or None for None.

    Raises:
        UserError: If the name, or an option of it, is not known or is missing.

    Example:
        >>> get("group_lasso", strength=0.1)
        GroupLasso(strength=0.1, groups='inputs', scale_by_size=True)
    """
    made = identifier
    if isinstance(identifier, str):
        made = _REGISTRY.named(identifier)
    if inspect.isclass(made):
        _check_options(made, options)
    elif options and made is not None:
        raise UserError(
            f"The options {', '.join(options)} need a regularizer's name or class; "
            f"found {made!r}."
        )
    return _REGISTRY.get(made, **options)


def _check_options(member: type, options: dict[str, Any]) -> None:
    """Refuse options that the constructor does not have, or that it misses."""
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(member).parameters.items()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    }
    accepted = ", ".join(parameters) or "none"
    for name in options:
        if name not in parameters:
            raise UserError(
                f'{member.__name__} has no option "{name}".'
                f"{nearest(name, parameters)} Options: {accepted}."
            )
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in options:
            raise UserError(
                f'{member.__name__} needs the option "{name}". Options: {accepted}.'
            )
