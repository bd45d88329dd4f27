"""Inputs batch by batch, through a model some of whose layers train and some do not."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from polytask.errors import UserError

# Called with a layer and the arguments of its call, before the call.
Watch = Callable[[Any, tuple[Any, ...], dict[str, Any]], None]


def input_batches(data: Any, batch_size: int) -> Iterator[Any]:
    """Yield the inputs of a model batch by batch.

    Args:
        data: Inputs as arrays (one, or a list, tuple or dict of them), which are cut
            into batches; or batches: a `keras.utils.PyDataset`, a `tf.data.Dataset` or
            any other iterable of inputs or of tuples (inputs, targets, ...).
        batch_size: Rows of a batch of arrays.

    Yields:
        The inputs of a batch.

    Raises:
        UserError: If there is no row, or arrays differ in their number of rows.
    """
    empty = True
    for batch in _batches(data, batch_size):
        empty = False
        yield batch
    if empty:
        raise UserError("There are no rows in the data.")


def _batches(data: Any, batch_size: int) -> Iterator[Any]:
    if isinstance(data, keras.utils.PyDataset):
        for index in range(len(data)):
            yield _inputs_of(data[index])
    elif hasattr(data, "shape") or isinstance(data, (dict, list, tuple)):
        lengths = {array.shape[0] for array in keras.tree.flatten(data)}
        if len(lengths) > 1:
            raise UserError(
                f"The inputs must have one number of rows; found {sorted(lengths)}."
            )
        for start in range(0, max(lengths, default=0), batch_size):
            rows = slice(start, start + batch_size)
            yield keras.tree.map_structure(lambda array: array[rows], data)  # noqa: B023
    else:
        yield from map(_inputs_of, data)


def _inputs_of(batch: Any) -> Any:
    return batch[0] if isinstance(batch, tuple) else batch


@contextmanager
def training_mode(
    layers: Iterable[keras.layers.Layer], training: bool, watch: Watch | None = None
) -> Iterator[None]:
    """Let some layers train, or not, whatever the model that calls them does.

    Args:
        layers: The layers.
        training: The `training` that each of them is called with.
        watch: Called before each of their calls.

    Yields:
        Nothing; calls inside must be eager.
    """
    changed = {id(layer): layer for layer in layers}.values()
    for layer in changed:
        layer.call = _with_training(layer, layer.call, training, watch)
    try:
        yield
    finally:
        for layer in changed:
            # The method of the class is found again.
            del layer.call


def _with_training(
    layer: Any, call: Callable[..., Any], training: bool, watch: Watch | None
) -> Callable[..., Any]:
    def changed(*args: Any, **kwargs: Any) -> Any:
        if watch is not None:
            watch(layer, args, kwargs)
        return call(*args, **{**kwargs, "training": training})

    return changed
