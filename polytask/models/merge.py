"""One network out of several that were trained apart: the baseline of sharing."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_number
from polytask.errors import UserError, nearest, one_of
from polytask.models.multi_task_model import MultiTaskModel
from polytask.models.recompute_statistics import recompute_statistics

METHODS = ("average", "task_arithmetic", "ties")


def merge(
    start: MultiTaskModel,
    networks: Mapping[str, MultiTaskModel],
    method: str = "average",
    scale: float = 1.0,
    keep: float = 0.2,
    data: Any = None,
) -> MultiTaskModel:
    """Merge networks that were trained for one task each, from one common start.

    The change τ_t = θ_t - θ₀ of the weights that tasks share, task by task, becomes one
    change, θ = θ₀ + α τ:

    - `"average"`: τ is the mean of the τ_t.
    - `"task_arithmetic"`: τ is their sum. With many tasks the sum is too long; a scale
      α between 0.3 and 0.4 is usual, chosen on validation rows.
    - `"ties"`: each τ_t keeps the `keep` share of its entries that are largest in size;
      the sign of an entry is that of the sum over tasks; τ is the mean of the values of
      that sign, entry by entry.

    A weight that some tasks do not depend on is merged from those that do. The weights
    of one task alone come from that task's network. The result says what training
    together is worth: it costs no further training.

    Args:
        start: The network from which all trainings began, with the weights it had then.
        networks: Task → a network of the same build (as from
            `keras.models.clone_model`), trained for that task. Exactly the tasks of
            `start`.
        method: `"average"`, `"task_arithmetic"` or `"ties"`. Default: `"average"`.
        scale: α, above 0. Default: 1.
        keep: For `"ties"`, the share of entries that stay, in (0, 1]. Default: 0.2.
        data: Training rows for the statistics of batch normalization, as for
            `recompute_statistics`: no network has met the merged weights. Without them
            the statistics are the mean of the networks'.

    Returns:
        A new network, not compiled.

    Raises:
        UserError: If a task is missing or unknown, a network is of another build, or an
            option is out of range.

    Source:
        Wortsman et al., "Model soups", ICML 2022; Ilharco et al., "Editing Models with
        Task Arithmetic", ICLR 2023; Yadav et al., "TIES-Merging: Resolving Interference
        When Merging Models", NeurIPS 2023.

    Example:
        >>> import keras, polytask
        >>> x = keras.Input((2,))
        >>> h = keras.layers.Dense(3)(x)
        >>> heads = {t: keras.layers.Dense(1)(h) for t in ("a", "b")}
        >>> start = polytask.MultiTaskModel(x, heads)
        >>> networks = {task: keras.models.clone_model(start) for task in ("a", "b")}
        >>> merge(start, networks, "ties").task_names
        ['a', 'b']
    """
    one_of("method", method, METHODS)
    scale = checked_number(scale, "scale", "merge", above=0.0)
    keep = checked_number(keep, "keep", "merge", above=0.0, at_most=1.0)
    _check_build(start, networks)
    base = [ops.convert_to_numpy(w).astype("float64") for w in start.weights]
    trained = {
        task: [ops.convert_to_numpy(w).astype("float64") for w in network.weights]
        for task, network in networks.items()
    }
    owners = _owners(start)
    learned = {id(v) for v in start.trainable_variables}
    shared = [
        index
        for index, weight in enumerate(start.weights)
        if id(weight) in learned and len(owners[index]) > 1
    ]
    changes = {
        task: {i: values[i] - base[i] for i in shared if task in owners[i]}
        for task, values in trained.items()
    }
    if method == "ties":
        changes = {task: _trimmed(own, keep) for task, own in changes.items()}
    merged = list(base)
    for index, weight in enumerate(base):
        own = [trained[task][index] for task in owners[index]]
        if index in shared:
            stack = np.stack([changes[task][index] for task in owners[index]])
            merged[index] = weight + scale * _combined(stack, method)
        elif own:
            merged[index] = np.mean(own, axis=0)
    network: MultiTaskModel = keras.models.clone_model(start)
    for variable, value in zip(network.weights, merged, strict=True):
        variable.assign(value.astype(variable.dtype))
    if data is not None:
        recompute_statistics(network, data)
    return network


def _combined(changes: np.ndarray, method: str) -> np.ndarray:
    """Return one change out of (tasks, ...) changes."""
    if method == "average":
        return np.asarray(changes.mean(axis=0))
    if method == "task_arithmetic":
        return np.asarray(changes.sum(axis=0))
    elected = np.sign(changes.sum(axis=0))
    agrees = (np.sign(changes) == elected) & (changes != 0)
    total = np.where(agrees, changes, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(agrees.sum(axis=0), 1))


def _trimmed(changes: dict[int, np.ndarray], keep: float) -> dict[int, np.ndarray]:
    """Return the changes of a task with all but its largest entries at zero."""
    if not changes:
        return changes
    sizes = np.concatenate([np.abs(change).ravel() for change in changes.values()])
    count = max(1, round(keep * len(sizes)))
    least = np.partition(sizes, len(sizes) - count)[len(sizes) - count]
    return {i: np.where(np.abs(c) >= least, c, 0.0) for i, c in changes.items()}


def _owners(model: MultiTaskModel) -> list[list[str]]:
    """Return for each weight of a model the tasks that depend on it."""
    parts = {
        task: {id(w) for w in keras.Model(model.input, output).weights}
        for task, output in model.task_outputs.items()
    }
    return [
        [task for task, part in parts.items() if id(weight) in part]
        for weight in model.weights
    ]


def _check_build(start: MultiTaskModel, networks: Mapping[str, MultiTaskModel]) -> None:
    tasks = start.task_names
    for task in networks:
        if task not in tasks:
            raise UserError(
                f'networks has the unknown task "{task}".{nearest(str(task), tasks)} '
                f"Tasks: {', '.join(tasks)}."
            )
    missing = [task for task in tasks if task not in networks]
    if missing:
        raise UserError(f"networks has no network for the tasks {', '.join(missing)}.")
    build = [tuple(w.shape) for w in start.weights]
    for task, network in networks.items():
        if [tuple(w.shape) for w in network.weights] != build:
            raise UserError(
                f'The network of "{task}" has other weights than the start. Make it '
                "with keras.models.clone_model(start), set the weights of the start, "
                "and train it."
            )
