"""A smaller model with the same predictions."""

import keras

from polytask.models.compacting.column_flow import column_flow
from polytask.models.compacting.kept_columns import keep_columns
from polytask.models.compacting.rebuild import Rebuild
from polytask.models.construction import named_outputs
from polytask.models.layer_calls import layer_calls
from polytask.models.multi_task_model import MultiTaskModel


def compact(model: keras.Model, select_inputs: bool = True) -> MultiTaskModel:
    """Remove the inputs, units and filters whose weights are exactly zero.

    A unit that nothing reads through a weight other than zero is left out. So is one
    whose own weights are all zero: its constant value goes into the bias of the layers
    that read it. Nested models are opened up. Dense and convolution layers, embeddings
    (their dimensions, never their ids), batch normalization, activations, dropout,
    pooling, `Flatten`, `Concatenate`, `Add` and its kin are cut; every other layer, and
    one with weights that is called more than once, is copied as it is with all that it
    reads.

    The predictions are those of `model` up to rounding. Dropout and penalties are kept
    for further training, which starts from a new `compile`.

    Args:
        model: A `MultiTaskModel`, or another model that `from_model` accepts.
        select_inputs: If true (the default), the new model takes the same inputs and a
            `SelectColumns` layer picks the columns in use. If false, it takes these
            columns only, in their order, and at least one: for a single table those
            that `~model.sparsity().unused_inputs` marks.

    Returns:
        A new model that shares nothing with `model`, with the same tasks.

    Raises:
        UserError: If the graph of the model is not known.

    Example:
        >>> import keras, numpy as np
        >>> x = keras.Input((3,))
        >>> layer = keras.layers.Dense(1, name="price")
        >>> model = MultiTaskModel(x, {"price": layer(x)})
        >>> layer.set_weights([np.array([[0.5], [0.0], [0.0]]), np.array([1.0])])
        >>> small = compact(model, select_inputs=False)
        >>> small.input_shape, small.count_params()
        ((None, 1), 2)
    """
    inputs, outputs = named_outputs(model)
    calls = layer_calls(model)
    rebuild = Rebuild(keep_columns(column_flow(calls), select_inputs), select_inputs)
    rebuild.run()
    new_inputs = {
        id(tensor): rebuild.inputs[key]
        for tensor, key in zip(model.inputs, calls.inputs, strict=True)
    }
    new_outputs = {
        id(tensor): rebuild.tensors[key]
        for tensor, key in zip(model.outputs, calls.outputs, strict=True)
    }
    return MultiTaskModel(
        keras.tree.map_structure(lambda tensor: new_inputs[id(tensor)], inputs),
        {task: new_outputs[id(tensor)] for task, tensor in outputs.items()},
        name=model.name,
    )
