"""Normalizations of a hidden layer by name."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from polytask.errors import UserError, nearest
from polytask.layers import (
    EvoNormalization,
    GhostBatchNormalization,
    SwitchableNormalization,
)

# Keras's 0.99 remembers hundreds of batches; an epoch of a small table has ten.
MOMENTUM = 0.9


def _batch(**options: Any) -> Any:
    return keras.layers.BatchNormalization(**{"momentum": MOMENTUM, **options})


def _batch_renorm(**options: Any) -> Any:
    return _batch(renorm=True, renorm_momentum=MOMENTUM, **options)


def _ghost_batch(**options: Any) -> Any:
    return GhostBatchNormalization(**{"momentum": MOMENTUM, **options})


def _switchable(**options: Any) -> Any:
    return SwitchableNormalization(**{"momentum": MOMENTUM, **options})


def _group(**options: Any) -> Any:
    return keras.layers.GroupNormalization(**{"groups": 4, **options})


def _evo(**options: Any) -> Any:
    return EvoNormalization(**{"groups": 4, **options})


NORMALIZATIONS: dict[str, Callable[..., Any]] = {
    "batch": _batch,
    "batch_renorm": _batch_renorm,
    "evo": _evo,
    "ghost_batch": _ghost_batch,
    "group": _group,
    "layer": keras.layers.LayerNormalization,
    "rms": keras.layers.RMSNormalization,
    "switchable": _switchable,
}

#: Those that hold an activation of their own, which takes the network's place.
ACTIVATING = ("evo",)


def normalization(options: Mapping[str, Any], **more: Any) -> Any:
    """Return a new normalization layer.

    Args:
        options: `{"name": ..., further arguments of the layer}`.
        **more: Further arguments.

    Raises:
        UserError: If there is no such normalization; the nearest is suggested.
    """
    name = options["name"]
    if name not in NORMALIZATIONS:
        raise UserError(
            f'Unknown normalization "{name}".{nearest(name, NORMALIZATIONS)} '
            f"Known: {', '.join(NORMALIZATIONS)}."
        )
    arguments = {key: value for key, value in options.items() if key != "name"}
    return NORMALIZATIONS[name](**arguments, **more)
