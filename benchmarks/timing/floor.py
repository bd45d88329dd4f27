"""The floor: what T gradients cost at least, with no balancing at all.

One forward pass, one backward pass through each head, T pull-backs through the trunk,
their sum, and the optimizer's step; no metrics, no masks. Two ways to make T
pull-backs, one after the other or all together; the floor is the faster one.
"""

from collections.abc import Callable
from typing import Any

import keras

from timing import keras_networks
from timing.fastest import fastest
from timing.network import LEARNING_RATE, Network

Run = Callable[[int], None]


def floor_step(network: Network, _: str) -> Run:
    """Return the faster of the two floors of the current backend."""
    if keras.backend.backend() == "jax":
        from timing.floors.jax import floor
    elif keras.backend.backend() == "tensorflow":
        from timing.floors.tensorflow import floor
    else:
        from timing.floors.torch import floor
    return fastest([floor(KerasParts(network), batched) for batched in (False, True)])


class KerasParts:
    """Trunk, heads and optimizer of a network built in Keras."""

    def __init__(self, network: Network) -> None:
        inputs, outputs = keras_networks.build(network)
        model = keras.Model(inputs, outputs)
        end = next(iter(outputs.values()))._keras_history.operation.input
        self.trunk = keras.Model(inputs, end)
        self.heads = {name: keras.Model(end, out) for name, out in outputs.items()}
        self.variables = list(model.trainable_variables)
        self.optimizer = keras.optimizers.Adam(LEARNING_RATE)
        self.optimizer.build(self.variables)
        self.x, self.y = keras_networks.batch(network)

    def ordered(self, shared: list[Any], private: list[list[Any]]) -> list[Any]:
        """Return the gradients in the order of `variables`."""
        gradients = dict(
            zip(map(id, self.trunk.trainable_variables), shared, strict=True)
        )
        for head, own in zip(self.heads.values(), private, strict=True):
            gradients.update(zip(map(id, head.trainable_variables), own, strict=True))
        return [gradients[id(v)] for v in self.variables]
