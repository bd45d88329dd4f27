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
)

# Subdifferentials that stay the same when weights are multiplied by positive numbers.
_FREE_OF_SCALE = (L1, NonNegative)
# Their prox multiplies weights by numbers of at least 0, in any diagonal metric.
_SCALING = (L1, L21, GroupLasso, SparseGroupLasso)


def composes_exactly(first: Any, second: Any, metric: bool) -> bool:
    """Return whether one prox after the other is the prox of the sum.

    It is if the second only multiplies weights by numbers of at least 0 and the first
    does not feel that: soft thresholding or w ≥ 0 before a norm of groups. Norms of
    groups inside each other, and L1 before L1,∞, compose from the inside out as well,
    but only where all weights of a group have the same step.

    Args:
        first: The regularizer that acts first.
        second: The one that acts after it.
        metric: Whether the optimizer has a step of its own for each weight.

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
    if metric:
        return False
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
    acting: dict[int, tuple[keras.Variable, list[Any]]] = {}
    for group in groups:
        for variable in group.variables:
            acting.setdefault(id(variable), (variable, []))[1].append(group.regularizer)
    found = []
    for variable, regularizers in acting.values():
        # Keras applies a constraint inside the update, before any proximal step.
        if variable.constraint is not None:
            regularizers = [_as_projection(variable.constraint), *regularizers]
        for position, first in enumerate(regularizers):
            for second in regularizers[position + 1 :]:
                if not composes_exactly(first, second, metric):
                    names = f"{type(first).__name__} and {type(second).__name__}"
                    found.append(f'{names} on "{variable.path}"')
    return found


def _as_projection(constraint: Any) -> Any:
    known = type(constraint) is keras.constraints.NonNeg
    return NonNegative() if known else constraint
