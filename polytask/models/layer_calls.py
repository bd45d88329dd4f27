"""A functional model as a flat list of layer calls, nested models opened up."""

from dataclasses import dataclass, field
from typing import Any

import keras

from polytask._keras_private import origin
from polytask.models.construction import unknown_graph


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One call of a layer, or of a function such as `keras.ops.add`.

    Attributes:
        layer: The layer or operation that is called.
        path: Names of the nested models it lies in, outermost first.
        inputs: Keys of the tensors it reads, in the order of its arguments.
        outputs: Keys of the tensors it returns.
        node: Keras's record of the call.
    """

    layer: Any
    path: tuple[str, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    node: Any

    def arguments(self, tensors: dict[int, Any]) -> tuple[Any, dict[str, Any]]:
        """Return the arguments of the call with other tensors in place.

        Args:
            tensors: Key → tensor, for all of `inputs`.

        Returns:
            Positional and keyword arguments.
        """
        symbolic = self.node.input_tensors
        by_id = {id(t): tensors[k] for t, k in zip(symbolic, self.inputs, strict=True)}
        args, kwargs = self.node.arguments.fill_in(by_id)
        return args, kwargs


@dataclass(frozen=True, eq=False)
class LayerCalls:
    """The calls that compute a model, each one after those it depends on.

    A nested functional or Sequential model does not appear as a call; its layers do.
    A tensor has an integer key that is the same wherever the tensor is read. One layer
    that is called twice, or lies in a nested model that is, has two calls.

    Attributes:
        inputs: Keys of the model's inputs, flattened.
        outputs: Keys of the model's outputs, flattened.
        calls: The calls.
        tensors: Key → symbolic tensor, which knows the shape.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    calls: list[LayerCall] = field(default_factory=list)
    tensors: dict[int, Any] = field(default_factory=dict)


def layer_calls(model: keras.Model) -> LayerCalls:
    """Take a functional model apart into the calls of its layers.

    Args:
        model: A functional or Sequential model whose graph is known.

    Returns:
        The calls.

    Raises:
        UserError: If the model has no graph.

    Example:
        >>> import keras
        >>> x = keras.Input((3,))
        >>> trunk = keras.Sequential([keras.layers.Dense(4), keras.layers.ReLU()])
        >>> model = keras.Model(x, keras.layers.Dense(1)(trunk(x)))
        >>> [type(call.layer).__name__ for call in layer_calls(model).calls]
        ['Dense', 'ReLU', 'Dense']
    """
    if not _has_graph(model):
        raise unknown_graph(model)
    calls: list[LayerCall] = []
    tensors: dict[int, Any] = {}
    inputs = tuple(_new_key(tensor, tensors) for tensor in model.inputs)
    outputs = _expand(model, inputs, (), calls, tensors)
    return LayerCalls(inputs, outputs, calls, tensors)


def _new_key(tensor: Any, tensors: dict[int, Any]) -> int:
    key = len(tensors)
    tensors[key] = tensor
    return key


def _expand(
    model: Any,
    inputs: tuple[int, ...],
    path: tuple[str, ...],
    calls: list[LayerCall],
    tensors: dict[int, Any],
) -> tuple[int, ...]:
    """Add the calls of a model that reads the tensors with these keys."""
    keys = {id(t): key for t, key in zip(model.inputs, inputs, strict=True)}
    for node in _ordered_nodes(model.outputs, set(keys)):
        reads = tuple(keys[id(tensor)] for tensor in node.input_tensors)
        layer = node.operation
        if _opens(node, [tensors[key] for key in reads]):
            returns = _expand(layer, reads, (*path, layer.name), calls, tensors)
        else:
            returns = tuple(_new_key(tensor, tensors) for tensor in node.output_tensors)
            calls.append(LayerCall(layer, path, reads, returns, node))
        for tensor, key in zip(node.output_tensors, returns, strict=True):
            keys[id(tensor)] = key
    return tuple(keys[id(tensor)] for tensor in model.outputs)


def _ordered_nodes(outputs: list[Any], ends: set[int]) -> list[Any]:
    """Return the nodes upstream of `outputs`, each after those it reads.

    Args:
        outputs: Symbolic tensors.
        ends: The ids of the tensors to stop at.
    """
    ordered: list[Any] = []
    opened: set[int] = set()
    done: set[int] = set()
    waiting = [tensor for tensor in reversed(outputs) if id(tensor) not in ends]
    while waiting:
        tensor = waiting[-1]
        node = origin(tensor).node
        if id(node) in opened:
            waiting.pop()
            if id(node) not in done:
                done.add(id(node))
                ordered.append(node)
            continue
        opened.add(id(node))
        waiting.extend(t for t in reversed(node.input_tensors) if id(t) not in ends)
    return ordered


def _has_graph(model: Any) -> bool:
    if isinstance(model, keras.Sequential):
        # A Sequential model that never saw an input shape has no graph yet.
        return type(model).call is keras.Sequential.call and hasattr(model, "inputs")
    for cls in type(model).__mro__:
        if cls.__name__ == "Functional":
            return type(model).call is cls.call  # type: ignore[attr-defined]
    return False


def _opens(node: Any, reads: list[Any]) -> bool:
    """Return whether the call is that of a nested model that can be opened up."""
    model, arguments = node.operation, node.arguments
    if not isinstance(model, keras.Model) or not _has_graph(model):
        return False
    if len(arguments.args) != 1 or any(
        v is not None for v in arguments.kwargs.values()
    ):
        return False
    inputs = model.inputs
    if len(inputs) > 1 and not isinstance(arguments.args[0], (list, tuple)):
        # Keras may match the entries of a dict by name.
        return False
    # Keras adapts rank and dtype where they differ, which is a computation too.
    return len(inputs) == len(reads) and all(
        len(inner.shape) == len(outer.shape) and inner.dtype == outer.dtype
        for inner, outer in zip(inputs, reads, strict=True)
    )
