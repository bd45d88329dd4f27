"""The layers of the smaller model, with the columns that are kept."""

from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._keras_private import origin
from polytask.layers.select_columns import SelectColumns
from polytask.models.compacting.column_rule import ColumnRule
from polytask.models.compacting.kept_columns import KeptColumns
from polytask.models.compacting.kernel_rule import KernelRule
from polytask.models.compacting.merging_rule import ConcatenateRule
from polytask.models.layer_calls import LayerCall


class Rebuild:
    """Makes the layers of the smaller model and calls them.

    Args:
        columns: Which columns are kept.
        select_inputs: Whether the inputs stay as they are.

    Attributes:
        inputs: Key of an input → the new input tensor.
        tensors: Key → new tensor, for every tensor that is kept.
    """

    def __init__(self, columns: KeptColumns, select_inputs: bool) -> None:
        self.columns = columns
        self.select_inputs = select_inputs
        self.inputs: dict[int, Any] = {}
        self.tensors: dict[int, Any] = {}
        self._names: set[str] = set()
        self._layers: dict[int, Any] = {}
        self._stand_in: Any = None

    def run(self) -> None:
        """Make all inputs and calls."""
        flow, kept = self.columns.flow, self.columns.kept
        for key in flow.calls.inputs:
            self._add_input(key)
        for call, rule in zip(flow.calls.calls, flow.rules, strict=True):
            if any(kept[key].any() for key in call.outputs):
                self._add_call(call, rule)

    def _add_input(self, key: int) -> None:
        old, kept = self.columns.flow.calls.tensors[key], self.columns.kept[key]
        name = self._unique(origin(old).operation.name, ())
        shape = tuple(old.shape)
        if not kept.all() and not self.select_inputs:
            shape = (*shape[:-1], int(kept.sum()))
        tensor = keras.Input(batch_shape=shape, dtype=old.dtype, name=name)
        self.inputs[key] = tensor
        if not kept.any():
            return
        if not kept.all() and self.select_inputs:
            tensor = self._selected(tensor, np.flatnonzero(kept), f"{name}_columns")
        self.tensors[key] = tensor

    def _selected(self, tensor: Any, indices: Any, name: str) -> Any:
        return SelectColumns(indices, name=self._unique(name, ()))(tensor)

    def _add_call(self, call: LayerCall, rule: ColumnRule | None) -> None:
        kept = self.columns.kept
        if isinstance(rule, KernelRule) and not kept[call.inputs[0]].any():
            args: tuple[Any, ...] = (self._stand_in_column(),)
            kwargs: dict[str, Any] = {}
        elif isinstance(rule, ConcatenateRule):
            sources = [self.tensors[key] for key in call.inputs if kept[key].any()]
            if len(sources) == 1:
                self.tensors[call.outputs[0]] = sources[0]
                return
            args, kwargs = (sources,), {}
        else:
            args, kwargs = call.arguments(self.tensors)
        returned = keras.tree.flatten(self._call(call, rule, args, kwargs))
        self.tensors.update(zip(call.outputs, returned, strict=True))

    def _stand_in_column(self) -> Any:
        if self._stand_in is None:
            assert self.columns.stand_in is not None
            tensor = self.tensors[self.columns.stand_in]
            if tensor.shape[-1] > 1:
                tensor = self._selected(tensor, [0], "first_column")
            self._stand_in = tensor
        return self._stand_in

    def _call(
        self, call: LayerCall, rule: ColumnRule | None, args: Any, kwargs: Any
    ) -> Any:
        """Call the new layer, which has its weights once it is built."""
        old = call.layer
        known = self._layers.get(id(old))
        if known is not None:
            return known(*args, **kwargs)
        name = self._unique(old.name, call.path)
        if rule is None:
            new = _copy(old, name)
            returned = new(*args, **kwargs)
            if isinstance(old, keras.layers.Layer):
                for variable, value in zip(new.variables, old.variables, strict=True):
                    variable.assign(ops.convert_to_numpy(value))
        else:
            kept, constants = self.columns.kept, self.columns.flow.constants
            shrunken = rule.shrink(
                old,
                kept[call.outputs[0]],
                [kept[key] for key in call.inputs],
                [constants[key] for key in call.inputs],
            )
            config = {**old.get_config(), **shrunken.config, "name": name}
            new = type(old).from_config(config)
            returned = _built_with_zeros(new, args, kwargs)
            for attribute, value in shrunken.weights.items():
                getattr(new, attribute).assign(value)
        self._layers[id(old)] = new
        return returned

    def _unique(self, name: str, path: tuple[str, ...]) -> str:
        """Return a name that no layer has: nested models bring their own."""
        candidate, number = name, 0
        if candidate in self._names and path:
            candidate = name = "_".join((*path, name))
        while candidate in self._names:
            number += 1
            candidate = f"{name}_{number}"
        self._names.add(candidate)
        return candidate


def _built_with_zeros(layer: Any, args: Any, kwargs: Any) -> Any:
    """Call a layer whose weights are set later: drawing them would be for nothing."""
    initializer = getattr(layer, "kernel_initializer", None)
    if initializer is None:
        return layer(*args, **kwargs)
    layer.kernel_initializer = keras.initializers.Zeros()
    returned = layer(*args, **kwargs)
    layer.kernel_initializer = initializer
    return returned


def _copy(old: Any, name: str) -> Any:
    """Return a new layer or operation with the same configuration."""
    config = keras.saving.serialize_keras_object(old)
    config["config"]["name"] = name
    # The code in a Lambda layer is this process's own.
    return keras.saving.deserialize_keras_object(config, safe_mode=False)
