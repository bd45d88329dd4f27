"""The swaps of units between tasks."""

from typing import Any

import keras

from polytask._checks import checked_count
from polytask._keras_private import all_layers
from polytask.errors import UserError
from polytask.layers.roaming_units import RoamingUnits


class MaximumRoaming(keras.callbacks.Callback):
    """Lets each task swap one unit of every `RoamingUnits` layer after some epochs.

    Args:
        every: Epochs between two swaps. Default: 1.

    Raises:
        UserError: If `every` is below 1, or, when training begins, the model has no
            `polytask.layers.RoamingUnits`.

    Source:
        Pascal, Michiardi, Bost, Huet and Zuluaga, "Maximum Roaming Multi-Task
        Learning", AAAI 2021.

    Example:
        >>> callback = MaximumRoaming(every=2)
    """

    def __init__(self, every: int = 1) -> None:
        super().__init__()
        self.every = checked_count(every, "every", "MaximumRoaming")

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find the layers."""
        layers = all_layers(self.model)
        self._layers = [each for each in layers if isinstance(each, RoamingUnits)]
        if not self._layers:
            raise UserError(
                "MaximumRoaming moves the units of polytask.layers.RoamingUnits, and "
                "the model has no such layer."
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Swap where it is time."""
        if (epoch + 1) % self.every == 0:
            for layer in self._layers:
                layer.roam()
