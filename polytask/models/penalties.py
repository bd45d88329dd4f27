"""Which penalty acts how: by a proximal step, or by its gradient."""

import warnings
from dataclasses import dataclass, field
from typing import Any

import keras

from polytask import regularizers
from polytask.errors import UserError
from polytask.models.joint_penalties import inexact_pairs
from polytask.models.kernel_paths import as_list, resolve_kernels
from polytask.optimizers.proximal_step import ProximalGroup
from polytask.optimizers.step_size import (
    has_metric,
    has_step_size,
    supported_optimizers,
)
from polytask.regularizers import Regularizer, TaskStructure
from polytask.training.gradient_penalty import GradientPenalty
from polytask.training.task_graph import TaskGraph


@dataclass(eq=False)
class Penalties:
    """Every penalty of a model, by the way it acts.

    Attributes:
        groups: Those with an exact proximal step.
        by_gradient: Those that act through their gradient.
        structures: The task structures with the kernels they couple.
    """

    groups: list[ProximalGroup] = field(default_factory=list)
    by_gradient: list[GradientPenalty] = field(default_factory=list)
    structures: list[tuple[TaskStructure, list[keras.Variable]]] = field(
        default_factory=list
    )


def assign_penalties(
    model: keras.Model,
    graph: TaskGraph,
    optimizer: keras.optimizers.Optimizer,
    task_structure: Any,
    penalties: str,
) -> Penalties:
    """Decide for each regularizer of the model how it acts.

    Args:
        model: The model.
        graph: Its task graph.
        optimizer: The optimizer that makes the gradient step.
        task_structure: A task structure, a list of pairs, or None.
        penalties: "proximal" or "gradient".

    Returns:
        The penalties.

    Raises:
        UserError: If a penalty that has only a proximal step cannot have one.
    """
    owners = {
        id(v): index
        for index, task in enumerate(graph.tasks)
        for v in graph.private[task]
    }
    exact = penalties == "proximal" and has_step_size(optimizer)
    collected = Penalties()
    fallen_back = []
    penalized = [
        (variable, part)
        for variable in model.trainable_variables
        if variable.regularizer is not None
        for part in regularizers.parts_of(variable.regularizer)
    ]
    for variable, regularizer in penalized:
        owner = owners.get(id(variable))
        proximal = regularizers.as_proximal(regularizer)
        if proximal is not None and exact:
            collected.groups.append(ProximalGroup(proximal, [variable]))
            continue
        if proximal is not None:
            if proximal.prox_only:
                raise _no_proximal_step(proximal, optimizer, penalties)
            fallen_back.append(variable)
        collected.by_gradient.append(GradientPenalty(regularizer, [variable], owner))
    if fallen_back and penalties == "proximal":
        warnings.warn(
            f"{type(optimizer).__name__} has no proximal step, so the penalty on "
            f'"{fallen_back[0].path}" acts through its gradient and gives no exact '
            f"zeros. Exact zeros: {', '.join(supported_optimizers())}.",
            stacklevel=5,
        )
    for structure, kernels in _structures(task_structure, model, graph):
        widths = [int(v.shape[-1]) for v in kernels]
        names = [_owner_name(graph, owners, v) for v in kernels]
        # It may be that the prox exists for some numbers of tasks only.
        structure.bind(names, widths)
        collected.structures.append((structure, kernels))
        if structure.has_prox and exact:
            collected.groups.append(ProximalGroup(structure, kernels))
        elif structure.has_prox and not structure.smooth:
            raise _no_proximal_step(structure, optimizer, penalties)
        else:
            collected.by_gradient.append(GradientPenalty(structure, kernels))
    inexact = inexact_pairs(collected.groups, has_metric(optimizer))
    if inexact:
        more = f" (and {len(inexact) - 1} more)" if len(inexact) > 1 else ""
        warnings.warn(
            f"The proximal steps of {inexact[0]}{more} follow each other, which is not "
            "known to be the exact step of their sum: training may settle only near "
            "its solution. Keep one of them, take one penalty that holds both, such as "
            "SparseGroupLasso or SparseLowRank, or train by gradients with "
            'penalties="gradient".',
            stacklevel=5,
        )
    return collected


def _no_proximal_step(
    regularizer: Regularizer, optimizer: Any, penalties: str
) -> UserError:
    return UserError(
        f"{type(regularizer).__name__} acts by a proximal step only, which "
        f'{type(optimizer).__name__} with penalties="{penalties}" does not have. Use '
        f"one of {', '.join(supported_optimizers())} with "
        'penalties="proximal".'
    )


def _owner_name(graph: TaskGraph, owners: dict[int, int], v: keras.Variable) -> str:
    return graph.tasks[owners[id(v)]] if id(v) in owners else v.path


def _structures(
    structures: Any, model: keras.Model, graph: TaskGraph
) -> list[tuple[TaskStructure, list[keras.Variable]]]:
    if structures is None:
        return []
    if not isinstance(structures, (list, tuple)):
        structures = [(structures, None)]
    pairs = []
    for structure, kernels in structures:
        structure = regularizers.get(structure)
        if not isinstance(structure, TaskStructure):
            raise UserError(
                f"task_structure must be a TaskStructure; {type(structure).__name__} "
                "acts on one kernel: pass it as kernel_regularizer of a layer."
            )
        named = as_list(kernels)
        chosen = resolve_kernels(model, named) if named else head_kernels(graph)
        pairs.append((structure, chosen))
    return pairs


def head_kernels(graph: TaskGraph) -> list[keras.Variable]:
    """Return each task's input-side kernel: the first private one.

    Args:
        graph: The task graph.

    Returns:
        One kernel for each task, all with the same number of input features.

    Raises:
        UserError: If a task has no private kernel, or the numbers differ.
    """
    kernels = []
    for task in graph.tasks:
        candidates = [v for v in graph.private[task] if len(v.shape) >= 2]
        if not candidates:
            raise UserError(
                f'Task "{task}" has no private kernel for a task structure. Give it a '
                "head layer of its own, or name the kernels: "
                "task_structure=[(structure, [kernel, ...])]."
            )
        kernels.append(candidates[0])
    inputs = [tuple(v.shape[:-1]) for v in kernels]
    if len(set(inputs)) > 1:
        sizes = ", ".join(
            f"{task}: {shape}" for task, shape in zip(graph.tasks, inputs, strict=True)
        )
        raise UserError(
            "A task structure needs kernels with the same input features; found "
            f"{sizes}. Name the kernels: task_structure=[(structure, [kernel, ...])]."
        )
    return kernels
