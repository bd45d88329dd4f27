"""The knobs of a model, and how `compile` arguments with knobs are stored."""

from collections.abc import Iterable
from typing import Any

import keras

from polytask._keras_private import all_layers
from polytask.knob import Knob, knobs_in, to_config
from polytask.regularizers import parts_of


def model_knobs(
    model: keras.Model, holders: Iterable[Any], arguments: Iterable[Any]
) -> list[Knob]:
    """Return the knobs that no layer holds as its own variable, each once.

    Args:
        model: The model, whose layers hold regularizers.
        holders: What else may hold knobs: task structures, the rate's schedule.
        arguments: Arguments of `compile` that may be knobs.
    """
    knobs = [value for value in arguments if isinstance(value, Knob)]
    for owner in (*layer_regularizers(model), *holders):
        knobs += knobs_in(owner)
    return list({id(knob): knob for knob in knobs}.values())


def layer_regularizers(model: keras.Model) -> list[Any]:
    """Return the regularizers of all layers and of their weights, sums by part."""
    regularizers = [
        weight.regularizer for weight in model.weights if weight.regularizer
    ]
    for layer in all_layers(model):
        regularizers += [
            value
            for value in vars(layer).values()
            if isinstance(value, keras.regularizers.Regularizer)
        ]
    return [part for regularizer in regularizers for part in parts_of(regularizer)]


def with_saved_knobs(argument: Any) -> Any:
    """Return an argument of `compile` with what stands for its knobs in a file."""
    if isinstance(argument, dict):
        return {key: with_saved_knobs(value) for key, value in argument.items()}
    if isinstance(argument, (list, tuple)):
        return [with_saved_knobs(value) for value in argument]
    return to_config(argument)
