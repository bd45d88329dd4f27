"""All that polytask takes from Keras's private names; tested against its releases.

Keras has no public way to ask these. Where a release renames one of them,
`tests/test_keras_private.py` says which, and this file is the place to mend it.
"""

from typing import Any, NamedTuple

import keras
from keras.src.backend import get_keras_mask, set_keras_mask

from polytask._types import Tensor, Variable
from polytask.errors import UserError

#: Where Keras keeps what it replaces on some backend, such as PyTorch's optimizers.
BACKEND_MODULES = "keras.src.backend."


class Origin(NamedTuple):
    """Where a symbolic tensor comes from.

    Attributes:
        operation: The layer, or function of `keras.ops`, that returned it.
        node: Keras's record of the call, with `input_tensors` and `arguments`.
        position: Its place among what the call returned.
    """

    operation: Any
    node: Any
    position: int


def origin(tensor: Any) -> Origin:
    """Return where a symbolic tensor comes from."""
    operation, node_index, position = tensor._keras_history
    return Origin(operation, operation._inbound_nodes[node_index], position)


def model_between(sources: list[Any], output: Any) -> keras.Model:
    """Return the model from tensors within a graph to an output.

    Args:
        sources: Symbolic tensors.
        output: A tensor that they lead to.
    """
    histories = [tensor._keras_history for tensor in sources]
    model = keras.Model(sources, output)
    # Where an input of the whole model is among the sources, Keras enters it in a new
    # place, which the whole model does not know and then cannot save.
    for tensor, history in zip(sources, histories, strict=True):
        tensor._keras_history = history
    # Its layers see to masks. Keras warns of a model that they end there, or would take
    # the mask of an input for that of the output.
    model.supports_masking = True
    model.compute_mask = _no_mask
    return model


def _no_mask(inputs: Any, previous_mask: Any) -> None:
    """Leave masks as the layers of a model set them."""


def carried_mask(tensor: Tensor) -> Tensor | None:
    """Return the mask that Keras attached to a tensor, or None.

    A tracer of JAX takes no attribute; Keras remembers its mask beside it.
    """
    return get_keras_mask(tensor)


def carry_mask(tensor: Tensor, mask: Tensor | None) -> None:
    """Attach a mask to a tensor, as Keras does."""
    set_keras_mask(tensor, mask)


def all_layers(layer: Any) -> list[Any]:
    """Return a layer or model with all layers inside of it."""
    return list(layer._flatten_layers())


def added_losses(layer: Any) -> list[Tensor]:
    """Return what a layer itself added to the loss in its last call."""
    return list(layer._get_own_losses())


def micro_steps(optimizer: keras.optimizers.Optimizer) -> Variable:
    """Return the number of gradients seen, also of those that are accumulated.

    The public `iterations` counts updates, which does not tell when one is due.
    """
    return optimizer._iterations


def learning_rate_schedule(
    optimizer: keras.optimizers.Optimizer,
) -> keras.optimizers.schedules.LearningRateSchedule | None:
    """Return an optimizer's schedule, of which `learning_rate` shows one value."""
    schedule = optimizer._learning_rate
    known = keras.optimizers.schedules.LearningRateSchedule
    return schedule if isinstance(schedule, known) else None


class ShowsAverage:
    """Shows the average that an inner optimizer keeps of the weights.

    `SwapEMAWeights` looks for it inside of a loss-scale optimizer, but not inside of
    what is there.
    """

    inner_optimizer: Any

    def __getattr__(self, name: str) -> Any:
        if name == "_model_variables_moving_average":
            return getattr(self.inner_optimizer, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")


class _NotForHDF5:
    """Stands where a file of HDF5 looks for the arguments of `compile`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    @property
    def config(self) -> Any:
        """Refuse to give them."""
        raise UserError(self.reason)


def refuse_hdf5(model: keras.Model, reason: str) -> None:
    """Let `keras.saving.save_model` refuse to write what `compile` was given to HDF5.

    Args:
        model: A compiled model that saves these arguments to `.keras` files itself.
        reason: The message.
    """
    model._compile_config = _NotForHDF5(reason)


def set_direction(
    callback: keras.callbacks.Callback, directions: dict[str, str]
) -> None:
    """Tell a callback whether what it monitors should fall or rise.

    Keras finds that out by itself for the names that metrics have in a model with one
    output.

    Args:
        callback: A callback; changed if it monitors one of the names in mode `"auto"`.
        directions: Name in the logs → `"min"` or `"max"`.
    """
    waits = getattr(callback, "monitor_op", True) is None
    if waits and getattr(callback, "mode", None) == "auto":
        name = str(callback.monitor).removeprefix("val_")
        callback.mode = directions.get(name, "auto")
