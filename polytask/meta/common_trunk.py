"""Where a new head can begin: the features that all heads of a model read."""

from typing import Any

import keras
import numpy as np

from polytask.errors import UserError
from polytask.meta.linear_head import LinearHead
from polytask.training.task_graph import TaskGraph, build_task_graph


def common_features(model: Any) -> Any:
    """Return the symbolic features at the end of the trunk that all tasks share.

    Args:
        model: A `MultiTaskModel`.

    Returns:
        A tensor (rows, features): where heads read several, these side by side.

    Raises:
        UserError: If no learned tensor is read by all heads, or it has another rank.
    """
    graph = build_task_graph(model, model.task_names)
    places = _common(graph)
    if not places or len(graph.tasks) < 2:
        raise UserError(
            f'The model "{model.name}" has no common trunk: no learned tensor that the '
            f"heads of all its tasks ({', '.join(graph.tasks)}) read. A new task needs "
            "one, as in MultiTaskModel.from_trunk(trunk, heads)."
        )
    tensors = [graph.trunk.outputs[i] for i in places]
    shapes = [tuple(tensor.shape) for tensor in tensors]
    if any(len(shape) != 2 for shape in shapes):
        raise UserError(
            f"The trunk ends in a tensor of the shape {shapes[0]}; a new head needs "
            "(rows, features). End the trunk with a pooling or Flatten layer."
        )
    return tensors[0] if len(tensors) == 1 else keras.layers.Concatenate()(tensors)


def mean_head(model: Any, units: int, activation: str | None) -> LinearHead | None:
    """Return the mean of the trained heads that a new one can be compared with.

    Args:
        model: A `MultiTaskModel`.
        units: Outputs of the new head.
        activation: Its activation.

    Returns:
        The mean over the heads that are one dense layer on all common features, with
        the same number of outputs and the same activation; None if there are fewer than
        two.
    """
    graph = build_task_graph(model, model.task_names)
    wanted = keras.activations.get(activation)
    layers = [
        head.layer
        for head in graph.heads
        if isinstance(head.layer, keras.layers.Dense)
        and head.reads == _common(graph)
        and (head.layer.units, head.layer.activation) == (units, wanted)
        and head.layer.use_bias
    ]
    if len(layers) < 2:
        return None
    weights = [[np.asarray(w, "float64") for w in la.get_weights()] for la in layers]
    kernels, biases = zip(*weights, strict=True)
    return LinearHead(np.mean(kernels, axis=0), np.mean(biases, axis=0))


def _common(graph: TaskGraph) -> tuple[int, ...]:
    """Return the positions in the boundary that every head reads and gradients pass."""
    return tuple(i for i in graph.live if all(i in head.reads for head in graph.heads))
