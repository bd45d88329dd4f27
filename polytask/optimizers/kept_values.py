"""Values of variables from before an update, to put back where it is not to count."""

from collections.abc import Iterable

from keras import ops

from polytask._types import Assign, Tensor, Variable

KeptValues = list[tuple[Variable, Tensor]]


def keep_values(variables: Iterable[Variable]) -> KeptValues:
    """Return each variable with a copy of its value."""
    return [(v, ops.copy(ops.convert_to_tensor(v))) for v in variables]


def put_back(kept: KeptValues, assign: Assign) -> None:
    """Give the variables their kept values.

    Args:
        kept: What `keep_values` returned.
        assign: `(variable, value)`, which gives a variable its value.
    """
    for variable, value in kept:
        assign(variable, value)


def put_back_unless(counts: Tensor, kept: KeptValues, assign: Assign) -> None:
    """Give the variables their kept values, unless the update counts.

    Args:
        counts: Whether it does, a bool tensor.
        kept: What `keep_values` returned before the update.
        assign: `(variable, value)`, which gives a variable its value.
    """
    for variable, value in kept:
        moved = ops.convert_to_tensor(variable)
        assign(variable, ops.where(counts, moved, value))
