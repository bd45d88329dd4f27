"""The task graph: which computation is shared, and where it ends."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import keras

from polytask._keras_private import model_between, origin
from polytask.errors import UserError
from polytask.training.outputs import tensors_by_task


@dataclass(frozen=True, eq=False)
class Head:
    """The private part of one task.

    Attributes:
        task: Name of the task.
        model: From the boundary tensors it reads to the task's output; None where
            the output is itself a boundary tensor.
        reads: Positions of these tensors in `TaskGraph.boundary`.
        layer: The layer that is all of the head, or None if there are several. On
            PyTorch, calling a model of one layer takes three times as long.
    """

    task: str
    model: keras.Model | None
    reads: tuple[int, ...]
    layer: keras.layers.Layer | None = None

    def __call__(self, tensors: list[Any], masks: list[Any], training: bool) -> Any:
        """Return the task's output from its own boundary tensors."""
        if self.model is None:
            return tensors[0]
        masked = any(m is not None for m in masks)
        if self.layer is not None and not masked:
            return self.layer(tensors[0], training=training)
        return self.model(tensors, training=training, mask=masks if masked else None)


@dataclass(frozen=True, eq=False)
class JointPenalty:
    """A penalty on the outputs of several tasks, which belongs to none of them.

    Attributes:
        layer: The pass-through layer at the end of these tasks.
        tasks: Names of the tasks, in the order of the layer's inputs.
    """

    layer: Any
    tasks: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TaskGraph:
    """A model taken apart into one trunk and one head per task.

    A tensor is shared if two or more tasks depend on it. The trunk computes the
    shared tensors; its end, the boundary, are the shared tensors that a head reads.
    Calling the trunk and then the heads is the same computation as calling the
    model, on the same layers.

    Attributes:
        tasks: Task names.
        trunk: From the model's inputs to the boundary tensors.
        heads: One for each task, in the order of `tasks`.
        shared: Trainable variables upstream of two or more tasks.
        private: Task → trainable variables upstream of that task alone.
        owners: id of a trainable variable → numbers of the tasks it is upstream of.
        tied: The shared variables that heads use too (one layer called in several
            heads); empty in most models.
        statistics: Task → non-trainable weights upstream of that task alone, such as
            the moving moments of its batch norm.
        live: Positions of the boundary tensors that gradients flow through: those with
            something trainable upstream, and not integers.
        joint: The penalties that compare the outputs of tasks.
    """

    tasks: tuple[str, ...]
    trunk: keras.Model
    heads: tuple[Head, ...]
    shared: list[keras.Variable] = field(default_factory=list)
    private: dict[str, list[keras.Variable]] = field(default_factory=dict)
    owners: dict[int, tuple[int, ...]] = field(default_factory=dict)
    tied: list[keras.Variable] = field(default_factory=list)
    statistics: dict[str, list[keras.Variable]] = field(default_factory=dict)
    live: tuple[int, ...] = ()
    joint: tuple[JointPenalty, ...] = ()

    def with_copies(self, boundary: list[Any], copies: list[Any]) -> list[Any]:
        """Return the boundary with its live tensors replaced by a head's copies."""
        replaced = list(boundary)
        for position, copy in zip(self.live, copies, strict=True):
            replaced[position] = copy
        return replaced


def _producers(tensor: Any) -> list[Any]:
    """Return the tensors that the operation behind `tensor` reads."""
    _, node, position = origin(tensor)
    read = list(node.input_tensors)
    return [read[position]] if _passes_through(tensor) else read


def _passes_through(tensor: Any) -> bool:
    """Return whether a layer hands `tensor` on as it was, next to others."""
    return bool(getattr(origin(tensor).operation, "passes_through", False))


def _joint_penalties(
    outputs: dict[str, Any], ends: dict[str, Any]
) -> tuple[JointPenalty, ...]:
    """Return the pass-through layers between the ends of the tasks and the outputs."""
    task_of = {id(tensor): task for task, tensor in ends.items()}
    found: dict[int, JointPenalty] = {}
    for task, end in ends.items():
        for tensor in _ancestors(outputs[task]):
            if not _passes_through(tensor):
                continue
            layer, node, _ = origin(tensor)
            tasks = [
                task_of.get(id(end_of_task(source))) for source in node.input_tensors
            ]
            if None in tasks or end_of_task(tensor) is not end:
                raise UserError(
                    f'{type(layer).__name__} "{layer.name}" must be the last layer '
                    "before the outputs of its tasks, each of them with a loss."
                )
            found[id(node)] = JointPenalty(layer, tuple(map(str, tasks)))
    return tuple(found.values())


def end_of_task(tensor: Any) -> Any:
    """Return the tensor that pass-through layers handed on as `tensor`."""
    while _passes_through(tensor):
        (tensor,) = _producers(tensor)
    return tensor


def _only_layer(output: Any, sources: list[Any]) -> keras.layers.Layer | None:
    """Return the layer that computes `output` from `sources` alone, or None."""
    operation, node, _ = origin(output)
    arguments = node.arguments
    given = [value for value in arguments.kwargs.values() if value is not None]
    plain = len(arguments.args) == 1 and arguments.args[0] is sources[0] and not given
    return operation if plain and isinstance(operation, keras.layers.Layer) else None


def _ancestors(tensor: Any) -> Iterator[Any]:
    """Yield `tensor` and every tensor upstream of it, once each."""
    seen: set[int] = set()
    waiting = [tensor]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting.extend(_producers(current))


def build_task_graph(model: keras.Model, tasks: list[str]) -> TaskGraph:
    """Find the trunk and the heads of a functional model.

    Args:
        model: A functional model with one output per task.
        tasks: The names of the outputs that have a loss, in task order.

    Returns:
        The graph.

    Raises:
        UserError: If a layer that compares the outputs of tasks is not at their end.
    """
    ends = tensors_by_task(model.output)
    outputs = {task: end_of_task(ends[task]) for task in tasks}
    joint = _joint_penalties(ends, outputs)
    dependents: dict[int, set[str]] = {}
    for task in tasks:
        for tensor in _ancestors(outputs[task]):
            dependents.setdefault(id(tensor), set()).add(task)

    boundary: list[Any] = []
    positions: dict[int, int] = {}
    reads: dict[str, list[int]] = {task: [] for task in tasks}

    def hand_over(tensor: Any, task: str) -> None:
        if id(tensor) not in positions:
            positions[id(tensor)] = len(boundary)
            boundary.append(tensor)
        if positions[id(tensor)] not in reads[task]:
            reads[task].append(positions[id(tensor)])

    def is_shared(tensor: Any) -> bool:
        # An input belongs to nobody: handing it over costs nothing and makes a
        # model with a single task, or with unconnected tasks, a case like others.
        return len(dependents[id(tensor)]) > 1 or not _producers(tensor)

    for task in tasks:
        if is_shared(outputs[task]):
            hand_over(outputs[task], task)
            continue
        for tensor in _ancestors(outputs[task]):
            if not is_shared(tensor):
                for source in _producers(tensor):
                    if is_shared(source):
                        hand_over(source, task)

    heads = []
    for task in tasks:
        sources = [boundary[position] for position in reads[task]]
        identity = len(sources) == 1 and sources[0] is outputs[task]
        head = None if identity else model_between(sources, outputs[task])
        layer = None if identity else _only_layer(outputs[task], sources)
        heads.append(Head(task, head, tuple(reads[task]), layer))
    trunk = keras.Model(model.input, boundary)

    parts = {task: keras.Model(model.input, outputs[task]) for task in tasks}
    owners: dict[int, list[str]] = {}
    for task, part in parts.items():
        # `weights` leaves out the states of random generators.
        for variable in part.weights:
            owners.setdefault(id(variable), []).append(task)
    # Kernels of layers with `trainable=False` count as non-trainable, but never move.
    frozen = {id(variable) for variable in _frozen_variables(model)}
    in_heads = {
        id(variable)
        for head in heads
        if head.model is not None
        for variable in head.model.trainable_variables
    }
    shared = [v for v in model.trainable_variables if len(owners.get(id(v), ())) > 1]
    number = {task: index for index, task in enumerate(tasks)}
    return TaskGraph(
        tasks=tuple(tasks),
        trunk=trunk,
        heads=tuple(heads),
        shared=shared,
        private={
            task: [v for v in part.trainable_variables if owners[id(v)] == [task]]
            for task, part in parts.items()
        },
        owners={
            id(v): tuple(number[task] for task in owners[id(v)])
            for v in model.trainable_variables
            if id(v) in owners
        },
        statistics={
            task: [
                v
                for v in part.non_trainable_weights
                if owners[id(v)] == [task] and id(v) not in frozen
            ]
            for task, part in parts.items()
        },
        tied=[v for v in shared if id(v) in in_heads],
        live=tuple(
            position
            for position, tensor in enumerate(boundary)
            if "float" in tensor.dtype and _is_trainable(tensor)
        ),
        joint=joint,
    )


def _is_trainable(tensor: Any) -> bool:
    """Return whether something trainable is upstream of a tensor."""
    return any(
        getattr(origin(ancestor).operation, "trainable_variables", ())
        for ancestor in _ancestors(tensor)
    )


def _frozen_variables(layer: Any) -> Iterator[keras.Variable]:
    if not layer.trainable:
        yield from layer.variables
    for inner in getattr(layer, "layers", ()):
        yield from _frozen_variables(inner)


def dropout_before_batch_norm(model: keras.Model) -> list[tuple[str, str]]:
    """Return the pairs (dropout, batch norm) of layer names in harmful order.

    Dropout upstream of batch normalization shifts the variance that the batch
    norm sees between training and inference.

    Args:
        model: A functional model.

    Returns:
        One pair for each batch normalization that has a dropout above it.

    Source:
        Xiang Li, Shuo Chen, Xiaolin Hu, Jian Yang, 2019, "Understanding the
        Disharmony between Dropout and Batch Normalization by Variance Shift".
    """
    pairs = []
    seen = set()
    for output in keras.tree.flatten(model.output):
        for tensor in _ancestors(output):
            layer = origin(tensor).operation
            if not isinstance(layer, keras.layers.BatchNormalization):
                continue
            if layer.name in seen:
                continue
            seen.add(layer.name)
            for source in _ancestors(tensor):
                above = origin(source).operation
                if isinstance(above, keras.layers.Dropout) and above.rate > 0:
                    pairs.append((above.name, layer.name))
                    break
    return pairs
