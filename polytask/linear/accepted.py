"""The regularizers that the linear estimators accept."""

from typing import Any

from polytask import regularizers
from polytask.errors import UserError
from polytask.regularizers import Regularizer

# Penalties on a matrix (features, tasks): convex, or below convex tangents.
_CLASSES: tuple[type[Regularizer], ...] = (
    regularizers.CappedL1,
    regularizers.CappedRows,
    regularizers.Clustered,
    regularizers.Dirty,
    regularizers.ElasticNet,
    regularizers.ExclusiveLasso,
    regularizers.FusedSparseGroupLasso,
    regularizers.GraphLaplacian,
    regularizers.GroupLasso,
    regularizers.GrOWL,
    regularizers.L1,
    regularizers.L1Inf,
    regularizers.L2,
    regularizers.L21,
    regularizers.LogSum,
    regularizers.Lq,
    regularizers.MCP,
    regularizers.MeanRegularized,
    regularizers.MultiLevel,
    regularizers.Multiplicative,
    regularizers.MultiTaskElasticNet,
    regularizers.NonconvexFusedSparseGroupLasso,
    regularizers.RobustL21,
    regularizers.RobustTraceNorm,
    regularizers.SCAD,
    regularizers.SLOPE,
    regularizers.SoftSharing,
    regularizers.SparseGroupLasso,
    regularizers.SparseLowRank,
    regularizers.TaskRelationship,
    regularizers.TemporalGroupLasso,
    regularizers.TraceNorm,
    regularizers.TreeGroupLasso,
)
# Those among them that depend on the absolute values of the weights alone.
_OF_ABSOLUTE_VALUES = (
    regularizers.CappedL1,
    regularizers.CappedRows,
    regularizers.Dirty,
    regularizers.ElasticNet,
    regularizers.ExclusiveLasso,
    regularizers.GroupLasso,
    regularizers.GrOWL,
    regularizers.L1,
    regularizers.L1Inf,
    regularizers.L2,
    regularizers.L21,
    regularizers.LogSum,
    regularizers.Lq,
    regularizers.MCP,
    regularizers.MultiLevel,
    regularizers.Multiplicative,
    regularizers.MultiTaskElasticNet,
    regularizers.RobustL21,
    regularizers.SCAD,
    regularizers.SLOPE,
    regularizers.SparseGroupLasso,
    regularizers.TreeGroupLasso,
)


def supported() -> list[str]:
    """Return the names of the regularizers that the linear estimators accept.

    Example:
        >>> "trace_norm" in supported()
        True
    """
    classes = {member.__name__.lower() for member in _CLASSES}
    return [name for name in regularizers.names() if name.replace("_", "") in classes]


def check_supported(regularizer: Regularizer) -> None:
    """Refuse a regularizer that has no exact solver here."""
    name = type(regularizer).__name__
    if type(regularizer) not in _CLASSES:
        raise UserError(
            f"{name} has no exact solver in polytask.linear. Available: "
            f"{', '.join(supported())}."
        )
    if getattr(regularizer, "groups", None) == "all":
        raise UserError(
            f'{name}: groups="all" has no meaning for a linear model; use "inputs" or '
            '"units".'
        )


def check_nonnegative(regularizer: Any) -> None:
    """Refuse a regularizer that has no exact solver for weights of at least 0."""
    if regularizer is not None and not isinstance(regularizer, _OF_ABSOLUTE_VALUES):
        names = ", ".join(one.__name__ for one in _OF_ABSOLUTE_VALUES)
        raise UserError(
            f"positive=True needs a structure that depends on the absolute values of "
            f"the weights alone; {type(regularizer).__name__} does not. Available: "
            f"{names}."
        )
