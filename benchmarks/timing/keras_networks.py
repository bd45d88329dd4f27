"""The networks in Keras."""

from typing import Any

import keras

from timing.network import (
    ATTENTION_HEADS,
    CNN_FILTERS,
    FEED_FORWARD,
    MLP_UNITS,
    SHAPES,
    Network,
)

layers = keras.layers


def build(network: Network, **regularizers: Any) -> tuple[Any, dict[str, Any]]:
    """Return inputs and outputs for `keras.Model` or `polytask.MultiTaskModel`.

    Args:
        network: What to build.
        **regularizers: Arguments of the hidden layers of the MLP.

    Returns:
        The input tensor, and task → output tensor.
    """
    shape = SHAPES[network.name][1:]
    if channels_first():
        shape = (shape[-1], *shape[:-1]) if len(shape) == 3 else shape
    inputs = keras.Input(shape)
    trunks = {"mlp": _mlp, "cnn": _cnn, "transformer": _transformer}
    end = trunks[network.name](inputs, **regularizers)
    outputs = {name: layers.Dense(1, name=name)(end) for name in network.task_names}
    return inputs, outputs


def channels_first() -> bool:
    """Return whether images have their channels first, as PyTorch likes them."""
    return keras.backend.backend() == "torch"


def batch(network: Network) -> tuple[Any, dict[str, Any]]:
    """Return a batch as tensors of the backend."""
    x, y = network.batch()
    if channels_first() and x.ndim == 4:
        x = x.transpose(0, 3, 1, 2).copy()
    as_tensor = keras.ops.convert_to_tensor
    return as_tensor(x), {task: as_tensor(target) for task, target in y.items()}


def _mlp(x: Any, **regularizers: Any) -> Any:
    for units in MLP_UNITS:
        x = layers.Dense(units, activation="relu", **regularizers)(x)
    return x


def _cnn(x: Any) -> Any:
    order = "channels_first" if channels_first() else "channels_last"
    for filters in CNN_FILTERS:
        x = layers.Conv2D(
            filters, 3, padding="same", activation="relu", data_format=order
        )(x)
        x = layers.MaxPooling2D(2, data_format=order)(x)
    return layers.Flatten(data_format=order)(x)


def _transformer(x: Any) -> Any:
    width = x.shape[-1]
    attention = layers.MultiHeadAttention(ATTENTION_HEADS, width // ATTENTION_HEADS)
    x = layers.LayerNormalization(epsilon=1e-5)(x + attention(x, x))
    hidden = layers.Dense(FEED_FORWARD, activation="relu")(x)
    hidden = layers.Dense(width)(hidden)
    x = layers.LayerNormalization(epsilon=1e-5)(x + hidden)
    return layers.GlobalAveragePooling1D()(x)
