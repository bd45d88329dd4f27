"""The configuration of a layer, from the signature of its constructor."""

import inspect
from typing import Any

import keras
import numpy as np

from polytask.knob import to_config

_OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class ConfiguredLayer(keras.layers.Layer):
    """A layer that keeps each argument of its constructor in an attribute of that name.

    What such an attribute holds is plain, an array or a `polytask.Knob`; a subclass
    adds what has a form of its own in a file, such as an activation. Beside a layer of
    Keras it comes first: `class DropConnect(ConfiguredLayer, keras.layers.Dense)`.
    """

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config: dict[str, Any] = super().get_config()
        own: dict[str, Any] = {}
        for cls in reversed(type(self).__mro__):
            if not issubclass(cls, ConfiguredLayer) or "__init__" not in vars(cls):
                continue
            for argument in inspect.signature(cls.__init__).parameters.values():
                name = argument.name
                known = name == "self" or name in config or argument.kind in _OPEN
                # A user's subclass that keeps it elsewhere returns it by itself.
                if not known and hasattr(self, name):
                    own[name] = _plain(getattr(self, name))
        return {**config, **own}


def _plain(value: Any) -> Any:
    """Return what stands in a file for the value of an argument."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else to_config(value)
