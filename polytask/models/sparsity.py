"""Which weights are exactly zero, and which inputs each task still uses."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np


@dataclass(frozen=True)
class LayerSparsity:
    """The exact zeros of one kernel.

    Attributes:
        name: Path of the variable.
        weights: Number of entries.
        zeros: Number of entries that are exactly 0.
        inputs: Number of input features (rows).
        unused_inputs: Number of rows that are all zero.
    """

    name: str
    weights: int
    zeros: int
    inputs: int
    unused_inputs: int


@dataclass(frozen=True)
class Sparsity:
    """The sparsity of a model; `print` shows it as a table.

    Attributes:
        layers: One entry for each kernel.
        used_inputs: Task → boolean array, one entry for each column of the model's
            input, true where the task's output depends on the column. None where the
            inputs do not enter through dense layers alone.
    """

    layers: tuple[LayerSparsity, ...]
    used_inputs: dict[str, np.ndarray] | None

    @property
    def weights(self) -> int:
        """Number of kernel entries in the model."""
        return sum(layer.weights for layer in self.layers)

    @property
    def zeros(self) -> int:
        """Number of kernel entries that are exactly 0."""
        return sum(layer.zeros for layer in self.layers)

    @property
    def shared_inputs(self) -> np.ndarray | None:
        """Columns that every task uses, as a boolean array."""
        if self.used_inputs is None:
            return None
        return np.all(list(self.used_inputs.values()), axis=0)

    @property
    def unused_inputs(self) -> np.ndarray | None:
        """Columns that no task uses, as a boolean array."""
        if self.used_inputs is None:
            return None
        return ~np.any(list(self.used_inputs.values()), axis=0)

    def __str__(self) -> str:
        lines = [f"{'kernel':<40}{'weights':>10}{'zeros':>10}{'inputs used':>16}"]
        for layer in self.layers:
            used = f"{layer.inputs - layer.unused_inputs} of {layer.inputs}"
            lines.append(
                f"{layer.name:<40}{layer.weights:>10,}{layer.zeros:>10,}{used:>16}"
            )
        share = self.zeros / self.weights if self.weights else 0.0
        lines.append(
            f"{self.zeros:,} of {self.weights:,} weights are zero ({share:.1%})"
        )
        if self.used_inputs is not None:
            for task, used in self.used_inputs.items():
                lines.append(f"{task}: uses {used.sum()} of {used.size} input columns")
        return "\n".join(lines)


def sparsity(model: Any) -> Sparsity:
    """Count the exact zeros of a model's kernels and find the inputs in use.

    A column is in use for a task if a path of weights that are not zero leads from
    it to the task's output.

    Args:
        model: A `MultiTaskModel`.

    Returns:
        The report.
    """
    layers = []
    for variable in model.trainable_variables:
        if len(variable.shape) < 2:
            continue
        kernel = keras.ops.convert_to_numpy(variable)
        rows = (
            kernel.reshape(-1, *kernel.shape[-2:]) if kernel.ndim > 2 else kernel[None]
        )
        unused = int(np.sum(~np.any(rows != 0, axis=(0, 2))))
        layers.append(
            LayerSparsity(
                name=variable.path,
                weights=kernel.size,
                zeros=int(np.sum(kernel == 0)),
                inputs=kernel.shape[-2],
                unused_inputs=unused,
            )
        )
    return Sparsity(tuple(layers), _used_inputs(model))


# Layers through which column j of the input is still column j of the output.
_COLUMNWISE = (
    keras.layers.Activation,
    keras.layers.AlphaDropout,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
)


def _used_inputs(model: Any) -> dict[str, np.ndarray] | None:
    inputs = keras.tree.flatten(model.input)
    if len(inputs) != 1 or len(inputs[0].shape) != 2:
        return None
    width = inputs[0].shape[-1]
    # For each tensor, the (columns, inputs) matrix of which column depends on what.
    known: dict[int, np.ndarray] = {id(inputs[0]): np.eye(width, dtype=bool)}

    def dependence(tensor: Any) -> np.ndarray | None:
        if id(tensor) not in known:
            found = _through(tensor, dependence)
            if found is None:
                return None
            known[id(tensor)] = found
        return known[id(tensor)]

    used = {}
    for task in model.task_names:
        reached = dependence(model.output[task])
        if reached is None:
            return None
        used[task] = np.any(reached, axis=0)
    return used


def _through(tensor: Any, dependence: Any) -> np.ndarray | None:
    """Return the dependence of one layer's output, None for a layer not known."""
    layer, node_index, _ = tensor._keras_history
    sources = [dependence(t) for t in layer._inbound_nodes[node_index].input_tensors]
    if not sources or any(source is None for source in sources):
        return None
    if isinstance(layer, keras.layers.Dense):
        kernel = keras.ops.convert_to_numpy(layer.kernel) != 0
        through: np.ndarray = kernel.T @ sources[0]
        return through
    if isinstance(layer, _COLUMNWISE):
        return sources[0]
    if isinstance(layer, keras.layers.Concatenate):
        return np.concatenate(sources, axis=0)
    if isinstance(layer, keras.Model):
        return _through_model(layer, tensor, sources)
    return None


def _through_model(
    model: keras.Model, tensor: Any, sources: list[np.ndarray]
) -> np.ndarray | None:
    """Follow the columns through a model that is used as a layer."""
    inner_inputs = keras.tree.flatten(model.input)
    if len(inner_inputs) != len(sources):
        return None
    known = {id(t): s for t, s in zip(inner_inputs, sources, strict=True)}

    def dependence(inner: Any) -> np.ndarray | None:
        if id(inner) not in known:
            found = _through(inner, dependence)
            if found is None:
                return None
            known[id(inner)] = found
        return known[id(inner)]

    outputs = keras.tree.flatten(model.output)
    return dependence(outputs[tensor._keras_history.tensor_index])
