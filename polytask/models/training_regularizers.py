"""Checks of the regularizers of the training that `compile` is given."""

from collections.abc import Sequence
from typing import Any

import keras

from polytask.errors import UserError
from polytask.training.regularization import TrainingRegularizer


def checked_regularizers(
    given: Any, optimizer: keras.optimizers.Optimizer
) -> tuple[TrainingRegularizer, ...]:
    """Return the regularizers of the training.

    Args:
        given: A regularizer, a list of them, or None.
        optimizer: The user's optimizer, out of its wrappers.

    Raises:
        UserError: If an entry is something else, stands twice, or does not go together
            with the optimizer.
    """
    entries = (
        given
        if isinstance(given, Sequence) and not isinstance(given, str)
        else (() if given is None else (given,))
    )
    for entry in entries:
        if not isinstance(entry, TrainingRegularizer):
            raise UserError(
                "regularizers takes regularizers of the training, such as "
                f"polytask.training.SAM(); found {entry!r}. One of a layer's weights "
                "is the layer's kernel_regularizer, one of tasks task_structure."
            )
    kinds = [type(entry) for entry in entries]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise UserError(f"regularizers has {kind.__name__} twice; give it once.")
    each = [entry for entry in entries if entry.each_batch]
    if each and optimizer.gradient_accumulation_steps:
        raise UserError(
            f"{type(each[0]).__name__} acts on the gradient of each batch, not on the "
            "mean of several; do without gradient_accumulation_steps."
        )
    return tuple(entries)
