"""Balanced gradients for PyTorch loops: plain `torch.nn.Module`, no Keras layer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from polytask.balancing import Balancer
from polytask.errors import UserError
from polytask.training.native.balance import combined, prepared
from polytask.training.step import weighted


def multitask_backward(
    losses: Mapping[str, torch.Tensor],
    shared: Iterable[torch.nn.Parameter],
    heads: Mapping[str, Iterable[torch.nn.Parameter]] | None = None,
    *,
    balancer: str | Balancer = "equal",
    representation: torch.Tensor | Sequence[torch.Tensor] | None = None,
    present: torch.Tensor | None = None,
) -> torch.Tensor:
    """Do what `sum(losses).backward()` does, with balanced shared gradients.

    Gradients are added to `.grad`, as `backward` does. Heads get their own task's
    gradient, unweighted.

    Args:
        losses: Task → scalar loss. All from one forward pass.
        shared: The parameters that all tasks share.
        heads: Task → the parameters that belong to it alone.
        balancer: Name or `polytask.balancing.Balancer`. Pass the same object in every
            step if it has state.
        representation: The tensor, or tensors, at which the shared part ends. With it
            each head is differentiated once and only cotangents run through the shared
            part; without it every task's gradient runs through the whole network.
        present: (T,) bool: false for a task without a label in this batch.

    Returns:
        (T,) weights of the tasks, detached.

    Raises:
        UserError: If Keras does not run on PyTorch, or nothing is shared.

    Example:
        >>> import torch
        >>> x = torch.ones(4, 3)
        >>> trunk, a, b = (torch.nn.Linear(3, 3) for _ in range(3))
        >>> h = trunk(x)
        >>> losses = {"a": a(h).square().mean(), "b": b(h).square().mean()}
        >>> heads = {"a": a.parameters(), "b": b.parameters()}
        >>> weights = multitask_backward(
        ...     losses, trunk.parameters(), heads, balancer="mgda", representation=h
        ... )
        >>> weights.shape
        torch.Size([2])
    """
    tasks = list(losses)
    parameters = list(shared)
    private = {task: list((heads or {}).get(task, ())) for task in tasks}
    unknown = set(heads or {}) - set(tasks)
    if unknown:
        raise UserError(
            f"heads names tasks without a loss: {', '.join(sorted(unknown))}. Tasks: "
            f"{', '.join(tasks)}."
        )
    shapes = [tuple(p.shape) for p in parameters]
    chosen = prepared(balancer, tasks, shapes, "torch")
    values = torch.stack([losses[task].detach() for task in tasks])
    ends = _ends(representation)
    through = ends or parameters
    slopes = []
    for task in tasks:
        gradients = _gradients([losses[task]], [*through, *private[task]], None)
        slopes.append(gradients[: len(through)])
        _accumulate(private[task], gradients[len(through) :])
    with torch.no_grad():
        if ends and chosen.requires == "losses":
            weights = chosen.weights(values, None, present)
            direction = _gradients(ends, parameters, weighted(weights, slopes))
        else:
            if ends:
                slopes = [_gradients(ends, parameters, slope) for slope in slopes]
            rows = [torch.stack(row) for row in zip(*slopes, strict=True)]
            direction, weights = combined(chosen, values, rows, present)
        _accumulate(parameters, direction)
    return weights.detach()


def _ends(representation: Any) -> list[torch.Tensor]:
    if representation is None:
        return []
    if isinstance(representation, torch.Tensor):
        return [representation]
    return list(representation)


def _gradients(
    outputs: Sequence[torch.Tensor],
    inputs: Sequence[torch.Tensor],
    cotangent: list[Any] | None,
) -> list[torch.Tensor]:
    gradients = torch.autograd.grad(
        outputs, inputs, cotangent, retain_graph=True, allow_unused=True
    )
    return [
        torch.zeros_like(t) if g is None else g
        for t, g in zip(inputs, gradients, strict=True)
    ]


def _accumulate(parameters: list[Any], gradients: list[torch.Tensor]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        known = parameter.grad
        parameter.grad = gradient.detach() if known is None else known + gradient
