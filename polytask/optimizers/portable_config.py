"""An optimizer's configuration, free of the backend it was built on."""

from typing import Any

import keras

from polytask._keras_private import BACKEND_MODULES


def portable_config(optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    """Return an optimizer's configuration that loads on every backend.

    Keras names the backend's own class for an optimizer built on PyTorch, which no
    other backend can load.

    Args:
        optimizer: Any Keras optimizer.

    Returns:
        Its serialized configuration.
    """
    config: dict[str, Any] = keras.saving.serialize_keras_object(optimizer)
    if config["module"].startswith(BACKEND_MODULES):
        config["module"] = "keras.optimizers"
    inner = getattr(optimizer, "inner_optimizer", None)
    if inner is not None:
        config["config"]["inner_optimizer"] = portable_config(inner)
    return config
