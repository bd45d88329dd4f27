"""The NumPy form of a regularizer of polytask."""

from collections.abc import Callable
from typing import Any

import numpy as np

from polytask import regularizers
from polytask.errors import UserError
from polytask.linear.penalties.clusters import Clusters
from polytask.linear.penalties.column_norm import ColumnNorm
from polytask.linear.penalties.entry_norm import EntryNorm
from polytask.linear.penalties.exclusive import Exclusive
from polytask.linear.penalties.fused import Fused
from polytask.linear.penalties.no_penalty import NoPenalty
from polytask.linear.penalties.penalty import Penalty
from polytask.linear.penalties.row_maximum import RowMaximum
from polytask.linear.penalties.row_norm import RowNorm
from polytask.linear.penalties.singular_norm import SingularNorm
from polytask.linear.penalties.sparse_group_norm import SparseGroupNorm
from polytask.linear.penalties.squared_singular_norm import SquaredSingularNorm
from polytask.linear.penalties.sum_split import SumSplit
from polytask.linear.penalties.task_quadratic import TaskQuadratic
from polytask.linear.penalties.temporal import Temporal
from polytask.regularizers.structures.task_graph import TaskGraph

# A penalty and the strength μ of an added ridge (μ/2)‖W‖².
Translated = tuple[Penalty, float]
Shape = tuple[int, int]


def _norm(make: Callable[[float], Penalty], strength: float) -> Penalty:
    return make(strength) if strength > 0 else NoPenalty()


def _simple(make: Callable[[float], Penalty]) -> Callable[[Any, Shape], Translated]:
    return lambda regularizer, shape: (_norm(make, regularizer.strength), 0.0)


def _group_scale(regularizer: Any, shape: Shape) -> float:
    """Return √|g| where the groups are scaled by their size."""
    if regularizer.groups not in ("inputs", "channels", "units", "filters"):
        raise UserError(
            f'{type(regularizer).__name__}: groups="{regularizer.groups}" has no '
            'meaning for a linear model; use "inputs" or "units".'
        )
    size = shape[1] if regularizer.groups in ("inputs", "channels") else shape[0]
    return size**0.5 if regularizer.scale_by_size else 1.0


def _group_lasso(regularizer: Any, shape: Shape) -> Translated:
    strength = regularizer.strength * _group_scale(regularizer, shape)
    rows = regularizer.groups in ("inputs", "channels")
    return _norm(RowNorm if rows else ColumnNorm, strength), 0.0


def _sparse_group_lasso(regularizer: Any, shape: Shape) -> Translated:
    if regularizer.groups not in ("inputs", "channels"):
        raise UserError(
            f'SparseGroupLasso: groups="{regularizer.groups}" is not available for a '
            'linear model; use "inputs".'
        )
    l1 = regularizer.strength * regularizer.l1_ratio
    group = regularizer.strength - l1
    group *= _group_scale(regularizer, shape)
    if group == 0:
        return _norm(EntryNorm, l1), 0.0
    return (SparseGroupNorm(group, l1) if l1 > 0 else RowNorm(group)), 0.0


def _elastic_net(regularizer: Any, shape: Shape) -> Translated:
    if regularizer.l1 == 0:
        return TaskQuadratic(regularizer.l2 * np.eye(shape[1])), 0.0
    return EntryNorm(regularizer.l1), regularizer.l2


def _l2(regularizer: Any, shape: Shape) -> Translated:
    return TaskQuadratic(regularizer.strength * np.eye(shape[1])), 0.0


def _mean_regularized(regularizer: Any, shape: Shape) -> Translated:
    tasks = shape[1]
    deviation = np.eye(tasks) - np.full((tasks, tasks), 1.0 / tasks)
    matrix = regularizer.strength * deviation + regularizer.ridge * np.eye(tasks)
    return TaskQuadratic(matrix), 0.0


def _graph_laplacian(regularizer: Any, shape: Shape) -> Translated:
    laplacian = regularizer.graph.laplacian(shape[1])
    return TaskQuadratic(regularizer.strength * laplacian), 0.0


def _temporal(regularizer: Any, shape: Shape) -> Translated:
    chain = TaskGraph("TemporalGroupLasso", "chain", None, None).laplacian(shape[1])
    if regularizer.strength == 0:
        matrix = regularizer.smoothness * chain + regularizer.ridge * np.eye(shape[1])
        return TaskQuadratic(matrix), 0.0
    if regularizer.smoothness == 0:
        return RowNorm(regularizer.strength), regularizer.ridge
    smooth = regularizer.smoothness * chain
    return Temporal(regularizer.strength, smooth), regularizer.ridge


def _fused(regularizer: Any, shape: Shape) -> Translated:
    return Fused(regularizer.strength, regularizer.fusion, regularizer.l1), 0.0


def _clustered(regularizer: Any, shape: Shape) -> Translated:
    return Clusters(regularizer.strength, regularizer.clusters, regularizer.eta), 0.0


def _task_relationship(regularizer: Any, shape: Shape) -> Translated:
    return SquaredSingularNorm(regularizer.strength), regularizer.ridge


def _sum_split(regularizer: Any, shape: Shape) -> Translated:
    first, second = regularizer.parts
    return SumSplit(
        from_regularizer(first, shape)[0], from_regularizer(second, shape)[0]
    ), 0.0


_TRANSLATIONS: dict[type, Callable[[Any, Shape], Translated]] = {
    regularizers.Clustered: _clustered,
    regularizers.Dirty: _sum_split,
    regularizers.ElasticNet: _elastic_net,
    regularizers.ExclusiveLasso: _simple(Exclusive),
    regularizers.FusedSparseGroupLasso: _fused,
    regularizers.GraphLaplacian: _graph_laplacian,
    regularizers.GroupLasso: _group_lasso,
    regularizers.L1: _simple(EntryNorm),
    regularizers.L1Inf: _simple(RowMaximum),
    regularizers.L2: _l2,
    regularizers.L21: _simple(RowNorm),
    regularizers.MeanRegularized: _mean_regularized,
    regularizers.RobustL21: _sum_split,
    regularizers.RobustTraceNorm: _sum_split,
    regularizers.SoftSharing: _graph_laplacian,
    regularizers.SparseGroupLasso: _sparse_group_lasso,
    regularizers.SparseLowRank: _sum_split,
    regularizers.TaskRelationship: _task_relationship,
    regularizers.TemporalGroupLasso: _temporal,
    regularizers.TraceNorm: _simple(SingularNorm),
}


def supported() -> list[str]:
    """Return the names of the regularizers that the linear estimators accept.

    Example:
        >>> "trace_norm" in supported()
        True
    """
    classes = {member.__name__.lower() for member in _TRANSLATIONS}
    return [name for name in regularizers.names() if name.replace("_", "") in classes]


def from_regularizer(regularizer: Any, shape: Shape) -> Translated:
    """Return the NumPy form of a regularizer.

    Args:
        regularizer: A convex penalty of `polytask.regularizers`.
        shape: Shape of the weights (features, tasks).

    Returns:
        The penalty, and the strength of a ridge that the solver adds to the loss.

    Raises:
        UserError: If the regularizer has no convex solver here.
    """
    translate = _TRANSLATIONS.get(type(regularizer))
    if translate is None:
        raise UserError(
            f"{type(regularizer).__name__} has no exact solver in polytask.linear. "
            f"Available: {', '.join(supported())}."
        )
    return translate(regularizer, shape)
