"""Which variables decay, and how fast: one rate for trunk, towers and heads."""

import math
import numbers
from typing import Any

import keras

from polytask._keras_private import all_layers
from polytask.errors import UserError, nearest
from polytask.knob import Knob
from polytask.layers.kernel_normalization import KernelNormalization
from polytask.optimizers.weight_decay import DecayedVariable
from polytask.training.task_graph import TaskGraph

SCOPES = ("trunk", "tower", "head")
# Rows of a table are used rarely; of a normalized kernel only the direction counts.
_WITHOUT_DECAY = (keras.layers.Embedding, KernelNormalization)


def assign_weight_decay(
    model: keras.Model,
    graph: TaskGraph,
    optimizer: keras.optimizers.Optimizer,
    weight_decay: Any,
) -> list[DecayedVariable]:
    """Return the variables that decay.

    The trunk is what tasks share; of a task's own kernels the last is its head and
    the others are its tower. Biases, scales and all other vectors do not decay, nor do
    embeddings, whose rare rows would shrink in every step without being used.

    Args:
        model: The model.
        graph: Its task graph.
        optimizer: The optimizer that makes the step.
        weight_decay: A rate, a dict from `"trunk"`, `"tower"`, `"head"` to rates, or
            None.

    Returns:
        The variables with a rate above 0, or with a knob.

    Raises:
        UserError: If a scope is unknown or a rate is not a finite number of at least
            0, or the optimizer decays weights as well.
    """
    rates = _rates(weight_decay)
    if not any(_acts(rate) for rate in rates.values()):
        return []
    if optimizer.weight_decay:
        raise UserError(
            f"weight_decay is given to compile, and {type(optimizer).__name__} has "
            f"weight_decay={optimizer.weight_decay:g} of its own. Give one of them, "
            'for example compile(keras.optimizers.Adam(), weight_decay={"head": 0.1}).'
        )
    tables = {
        id(variable)
        for layer in all_layers(model)
        if isinstance(layer, _WITHOUT_DECAY)
        for variable in layer.variables
    }

    def kernels(variables: list[keras.Variable]) -> list[keras.Variable]:
        return [v for v in variables if len(v.shape) >= 2 and id(v) not in tables]

    scoped = [("trunk", variable) for variable in kernels(graph.shared)]
    for task in graph.tasks:
        *tower, head = [None, *kernels(graph.private[task])]
        scoped += [("tower", variable) for variable in tower if variable is not None]
        scoped += [("head", head)] if head is not None else []
    return [
        DecayedVariable(v, rates[scope]) for scope, v in scoped if _acts(rates[scope])
    ]


def _acts(rate: Any) -> bool:
    return isinstance(rate, Knob) or rate > 0


def _rates(rates: Any) -> dict[str, Any]:
    if not isinstance(rates, dict):
        rates = dict.fromkeys(SCOPES, 0.0 if rates is None else rates)
    for scope, rate in rates.items():
        if scope not in SCOPES:
            raise UserError(
                f'weight_decay names the unknown scope "{scope}".'
                f"{nearest(str(scope), SCOPES)} Scopes: {', '.join(SCOPES)}."
            )
        value = float(rate) if isinstance(rate, Knob) else rate
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < 0:
            raise UserError(
                "weight_decay must be a finite number, at least 0, or a knob, or a "
                f"dict of such by {', '.join(SCOPES)}; found {rate!r}."
            )
    return {scope: rates.get(scope, 0.0) for scope in SCOPES}
