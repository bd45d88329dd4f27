"""Decoupled weight decay, with a rate for each variable."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from polytask._keras_private import micro_steps


@dataclass(frozen=True, eq=False)
class DecayedVariable:
    """A variable that shrinks by a fixed share of the learning rate at each update.

    Attributes:
        variable: The variable.
        rate: λ in w ← (1 - ηλ) w, a number or a `polytask.Knob`.
    """

    variable: keras.Variable
    rate: Any


def decay(
    decayed: list[DecayedVariable],
    optimizer: keras.optimizers.Optimizer,
    learning_rate: Any,
    assign: Callable[[Any, Any], None],
) -> None:
    """Shrink the variables, unless the optimizer only accumulates gradients now.

    Args:
        decayed: The variables and their rates.
        optimizer: The optimizer whose update follows.
        learning_rate: The learning rate of that update.
        assign: `(variable, value)`, which gives a variable its value.
    """
    if not decayed:
        return
    share = ops.cast(learning_rate, "float32")
    every = optimizer.gradient_accumulation_steps
    if every:
        due = ops.equal((ops.convert_to_tensor(micro_steps(optimizer)) + 1) % every, 0)
        share = share * ops.cast(due, "float32")
    for entry in decayed:
        value = ops.convert_to_tensor(entry.variable)
        factor = ops.cast(1.0 - share * entry.rate, value.dtype)
        assign(entry.variable, value * factor)
