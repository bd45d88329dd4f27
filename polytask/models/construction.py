"""Named outputs from any Keras model whose graph is known."""

from typing import Any

import keras

from polytask.errors import UserError
from polytask.training.outputs import tensors_by_task


def named_outputs(model: keras.Model) -> tuple[Any, dict[str, Any]]:
    """Return the inputs of a model and its outputs by task name.

    Args:
        model: A functional or Sequential model.

    Returns:
        The input structure, and a dict from task name to output tensor. A dict output
        keeps its keys; other outputs are called after the layers they come from.

    Raises:
        UserError: If the graph of the model is not known.
    """
    inputs, output = graph_ends(model)
    return inputs, tensors_by_task(output)


def graph_ends(model: keras.Model) -> tuple[Any, Any]:
    """Return the input and output structures of a functional or Sequential model.

    Args:
        model: The model.

    Returns:
        Symbolic tensors.

    Raises:
        UserError: If the graph of the model is not known.
    """
    if not isinstance(model, keras.Model):
        raise UserError(f"Expected a Keras model, found {model!r}.")
    try:
        if isinstance(model, keras.Sequential):
            return model.inputs[0], model.outputs[0]
        return model.input, model.output
    except (AttributeError, ValueError, TypeError, IndexError) as error:
        raise unknown_graph(model) from error


def unknown_graph(model: keras.Model) -> UserError:
    """Return what to raise of a model whose graph is not known."""
    return UserError(
        f'The model "{model.name}" ({type(model).__name__}) has no known graph. Build '
        "it with the functional API, or begin a Sequential model with "
        "keras.Input(shape)."
    )


def joined(
    trunk: keras.layers.Layer, heads: dict[str, keras.layers.Layer], inputs: Any
) -> tuple[Any, dict[str, Any]]:
    """Call a trunk, and every head on its output.

    Args:
        trunk: A layer or model.
        heads: Task → layer or model.
        inputs: Input tensors, or None for inputs like the trunk's own.

    Returns:
        The inputs, and a dict from task name to output tensor.

    Raises:
        UserError: If `inputs` is missing and the trunk's input is not known.
    """
    if inputs is None:
        if not isinstance(trunk, keras.Model):
            raise UserError(
                f'The input shape of the trunk "{trunk.name}" is not known. Pass '
                "inputs=keras.Input(shape), or use a model as the trunk."
            )
        inputs = keras.tree.map_structure(
            lambda t: keras.Input(batch_shape=t.shape, dtype=t.dtype),
            graph_ends(trunk)[0],
        )
    features = trunk(inputs)
    outputs = {task: head(features) for task, head in heads.items()}
    return inputs, outputs
