"""Which weights are exactly zero, and which inputs each task still uses."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from polytask.models.compacting.column_flow import column_flow
from polytask.models.layer_calls import layer_calls


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
            model has no single table (rows, columns) as input.
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
            for task, columns in self.used_inputs.items():
                lines.append(
                    f"{task}: uses {columns.sum()} of {columns.size} input columns"
                )
        return "\n".join(lines)


def sparsity(model: Any) -> Sparsity:
    """Count the exact zeros of a model's kernels and find the inputs in use.

    A column is in use for a task if a path of weights that are not zero leads from
    it to the task's output. A layer that is not known (`polytask.compact` names those
    that are) counts as using everything it reads.

    Args:
        model: A `MultiTaskModel`.

    Returns:
        The report.

    Example:
        >>> import keras, numpy as np, polytask
        >>> x = keras.Input((3,))
        >>> layer = keras.layers.Dense(1)
        >>> model = polytask.MultiTaskModel(x, {"price": layer(x)})
        >>> layer.set_weights([np.array([[0.5], [0.0], [-2.0]]), np.array([1.0])])
        >>> sparsity(model).used_inputs["price"].tolist()
        [True, False, True]
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


def _used_inputs(model: Any) -> dict[str, np.ndarray] | None:
    inputs = model.inputs
    if len(inputs) != 1 or len(inputs[0].shape) != 2 or inputs[0].shape[-1] is None:
        return None
    calls = layer_calls(model)
    flow = column_flow(calls)
    keys = {id(t): k for t, k in zip(model.outputs, calls.outputs, strict=True)}
    used = {}
    for task, tensor in model.task_outputs.items():
        key = keys[id(tensor)]
        every = np.ones(flow.constants[key].shape, bool)
        needed = flow.needed({key: every}, materialized=False)
        used[task] = needed[calls.inputs[0]]
    return used
