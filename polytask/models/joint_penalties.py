"""Several proximal penalties on one kernel: when one after the other is exact."""

from typing import Any

import keras

from polytask.optimizers.proximal_step import ProximalGroup
from polytask.regularizers import (
    L1,
    L21,
    GroupLasso,
    L1Inf,
    NonNegative,
    SparseGroupLasso,
    TraceNorm,
)

# Subdifferentials that stay the same when weights are multiplied by positive numbers.
_FREE_OF_SCALE = (L1, NonNegative)
# Their prox multiplies weights by numbers of at least 0, in any diagonal metric.
_SCALING = (L1, L21, GroupLasso, NonNegative, SparseGroupLasso)
# Norms whose prox, applied twice to the same weights, is that of both strengths
# together, where all weights have the same step.
_ADDING = (GroupLasso, L21, TraceNorm)


def composes_exactly(
    first: Any, second: Any, metric: bool, same_weights: bool = False
) -> bool:
    """Return whether one prox after the other is the prox of the sum.

    It is if the second only multiplies weights by numbers of at least 0 and the first
    does not feel that: soft thresholding or w ≥ 0 before a norm of groups, or before
    w ≥ 0. L1,∞ twice caps the same rows. Norms of groups inside each other, L1 before
    L1,∞, and the same norm twice compose as well, from the inside out, but only where
    all weights of a group have the same step.

    Args:
        first: The regularizer that acts first.
        second: The one that acts after it.
        metric: Whether the optimizer has a step of its own for each weight.
        same_weights: Whether both act on exactly the same variables.

    Returns:
        Whether that is known to be exact.

    Source:
        Jenatton, Mairal, Obozinski and Bach, "Proximal Methods for Hierarchical Sparse
        Coding", JMLR 2011; Yu, "On Decomposing the Proximal Map", NIPS 2013.
    """
    # A subclass may compute something else.
    one, other = type(first), type(second)
    if one in _FREE_OF_SCALE and other in _SCALING:
        return True
    twice = same_weights and one is other
    if twice and one is L1Inf:
        return True
    if metric:
        return False
    if twice and one in _ADDING:
        return getattr(first, "groups", None) == getattr(second, "groups", None)
    rows = one is GroupLasso and first.groups in ("inputs", "channels")
    return (rows and other is L21) or (one is L1 and other is L1Inf)


def inexact_pairs(groups: list[ProximalGroup], metric: bool) -> list[str]:
    """Return what is said of each kernel whose penalties do not compose exactly.

    Args:
        groups: The proximal groups, in the order they are applied.
        metric: Whether the optimizer has a step of its own for each weight.

    Returns:
        For each pair of a kernel one text that names both.
    """
    pairs = []
    for variable in {id(v): v for group in groups for v in group.variables}.values():
        acting = [group for group in groups if _holds(group, variable)]
        # Keras applies a constraint inside the update, before any proximal step.
        if variable.constraint is not None:
            projection = _as_projection(variable.constraint)
            acting.insert(0, ProximalGroup(projection, [variable]))
        for position, first in enumerate(acting):
            for second in acting[position + 1 :]:
                one, other = first.regularizer, second.regularizer
                same = {*map(id, first.variables)} == {*map(id, second.variables)}
                if not composes_exactly(one, other, metric, same):
                    names = f"{type(one).__name__} and {type(other).__name__}"
                    pairs.append(f'{names} on "{variable.path}"')
    return pairs


def _holds(group: ProximalGroup, variable: keras.Variable) -> bool:
    return any(v is variable for v in group.variables)


def _as_projection(constraint: Any) -> Any:
    known = type(constraint) is keras.constraints.NonNeg
    return NonNegative() if known else constraint
