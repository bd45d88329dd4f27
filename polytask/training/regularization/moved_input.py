"""The one input whose rows a regularizer of the training moves."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._types import Tensor
from polytask.errors import UserError
from polytask.training.outputs import outputs_by_task


def check_moved_input(owner: str, model: Any, columns: Sequence[int] | None) -> None:
    """Check that a model has one input of numbers, with these columns.

    Args:
        owner: The regularizer's name, for the message.
        model: The model that is compiled.
        columns: Indices of the columns that may move; None for all.

    Raises:
        UserError: If it does not.
    """
    if len(model.inputs) != 1 or "float" not in model.inputs[0].dtype:
        found = ", ".join(f"{x.name} ({x.dtype})" for x in model.inputs)
        raise UserError(
            f"{owner} moves one input of numbers; found the inputs {found}."
        )
    width = model.inputs[0].shape[-1]
    if columns is not None and not all(0 <= c < width for c in columns):
        raise UserError(
            f"{owner}: columns must be indices below {width}; found {columns}."
        )


def moved_input(batch: Any) -> Tensor:
    """Return the input of a batch.

    Args:
        batch: The rows.
    """
    (x,) = keras.tree.flatten(batch.x)
    return ops.convert_to_tensor(x)


def outputs_at(step: Any, batch: Any, x: Tensor) -> dict[str, Tensor]:
    """Return the outputs of moved rows by task, as the network predicts them.

    Args:
        step: The passes of the step.
        batch: The rows.
        x: What stands in place of its input.
    """
    return outputs_of(step, keras.tree.pack_sequence_as(batch.x, [x]))


def outputs_of(step: Any, x: Any) -> dict[str, Tensor]:
    """Return the outputs of rows by task, as the network predicts them.

    Args:
        step: The passes of the step.
        x: Inputs of the model.
    """
    return outputs_by_task(step.plan.outputs, step.model(x, training=False))


def in_columns(move: Tensor, columns: Sequence[int] | None) -> Tensor:
    """Return a move of the input with zeros in the columns that stay.

    Args:
        move: (rows, ..., columns) tensor.
        columns: Indices of the columns that may move; None for all.
    """
    if columns is None:
        return move
    mask = np.zeros(move.shape[-1], "float32")
    mask[list(columns)] = 1.0
    return move * ops.cast(mask, move.dtype)
