"""Balanced gradients for PyTorch loops: plain `torch.nn.Module`, no Keras layer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from polytask.balancing import Balancer
from polytask.errors import UserError
from polytask.training.autodiff_torch import TorchGradients, gradients
from polytask.training.native.balance import aggregation, check_heads, prepared
from polytask.training.replicas_torch import Processes
from polytask.training.task_gradients import HeadGradients


def multitask_backward(
    losses: Mapping[str, torch.Tensor],
    shared: Iterable[torch.nn.Parameter],
    heads: Mapping[str, Iterable[torch.nn.Parameter]] | None = None,
    *,
    balancer: str | Balancer = "equal",
    representation: torch.Tensor | Sequence[torch.Tensor] | None = None,
    present: torch.Tensor | None = None,
    counts: torch.Tensor | None = None,
    halves: Sequence[Mapping[str, torch.Tensor]] | None = None,
    jacobian: str = "auto",
    clip_task_gradients: float | None = None,
) -> torch.Tensor:
    """Do what `sum(losses).backward()` does, with balanced shared gradients.

    Gradients are added to `.grad`, as `backward` does. Heads get their own task's
    gradient, unweighted.

    Where `torch.distributed` is initialized, each process calls this with the losses of
    its own rows, and each gets the gradients of the global batch: its weights follow
    from the global Gramian. Averaging by `DistributedDataParallel` does not take part.

    Args:
        losses: Task → scalar loss. All from one forward pass.
        shared: The parameters that all tasks share.
        heads: Task → the parameters that belong to it alone: no other task's loss may
            depend on them. That is not checked; with a balancer that needs only the
            losses the others' gradients would be added, else they would be missing.
        balancer: Name or `polytask.balancing.Balancer`. Pass the same object in every
            step if it has state.
        representation: The tensor, or tensors, at which the shared part ends. With it
            each head is differentiated once and only cotangents run through the shared
            part; without it every task's gradient runs through the whole network. All
            ways from a shared parameter to a loss must run through it. That is not
            checked; a way past it would count only with a balancer that needs only the
            losses.
        present: (T,) bool: false for a task without a label in this batch.
        counts: (T,) number of labeled rows that each loss is the mean of, in this
            process. It decides `present`, and how much of the global loss it is.
            Default: as many in each process.
        halves: Two mappings task → scalar loss, of two disjoint halves of the rows, for
            a balancer that compares them (`modo`, `sdmgrad`, `auto_lambda`).
        jacobian: As in `MultiTaskModel.compile`.
        clip_task_gradients: As in `MultiTaskModel.compile`.

    Returns:
        (T,) weights of the tasks, detached.

    Raises:
        UserError: If Keras does not run on PyTorch, nothing is shared, a head is of no
            task, a parameter is shared and in a head, or the representation has no
            gradient.

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
    # Once each: what is given may be generators.
    given = {task: list(own) for task, own in (heads or {}).items()}
    check_heads(tasks, parameters, given)
    private = {task: given.get(task, []) for task in tasks}
    shapes = [tuple(p.shape) for p in parameters]
    chosen = prepared(balancer, tasks, shapes, "torch")
    ends = _ends(representation)
    aggregate = aggregation(
        chosen,
        shapes,
        jacobian,
        clip_task_gradients,
        has_representation=bool(ends),
        has_halves=halves is not None,
    )
    replicas = Processes.current()
    values = torch.stack([losses[task].detach() for task in tasks])
    if counts is None:
        counts = torch.ones_like(values) if present is None else present.to(values)
    (totals,) = replicas.sum([counts])
    shares = counts / totals.clamp(min=1)
    (values,) = replicas.sum([values * shares])
    if aggregate.needs_losses_only:
        weights: torch.Tensor = chosen.weights(values, None, totals > 0)
        parts = torch.stack([losses[task] for task in tasks]) * shares
        distinct = {id(p): p for task in tasks for p in private[task]}
        own = list(distinct.values())
        slopes_of_all = _of_weighted_losses(parts, weights, parameters, own)
        _accumulate([*parameters, *own], replicas.sum(slopes_of_all))
        return weights.detach()
    slopes = []
    for task, share in zip(tasks, shares, strict=True):
        pulled = gradients([losses[task]], [*ends, *private[task]], [share])
        slopes.append(pulled[: len(ends)])
        _accumulate(private[task], replicas.sum(pulled[len(ends) :]))
    groups = [losses, *(halves or ())]
    # Where the place is not known, the losses themselves are the ends.
    through = ends or [group[task] for group in groups for task in tasks]

    def cotangents(group: int) -> list[list[Any]]:
        pairs = list(zip(tasks, shares, strict=True))
        if ends:
            return [gradients([groups[group][t]], ends, [s]) for t, s in pairs]
        places = range(group * len(tasks), (group + 1) * len(tasks))
        return [
            [share if i == place else None for i in range(len(through))]
            for place, share in zip(places, shares, strict=True)
        ]

    ways = TorchGradients(
        through,
        parameters,
        HeadGradients(slopes if ends else cotangents(0)),
        replicas=replicas,
        halves=[HeadGradients(cotangents(group)) for group in range(1, len(groups))],
    )
    with torch.no_grad():
        direction, weights = aggregate(values, totals > 0, ways)
        _accumulate(parameters, replicas.sum(direction))
    return weights.detach()


def _of_weighted_losses(
    losses: torch.Tensor, weights: torch.Tensor, shared: list[Any], own: list[Any]
) -> list[torch.Tensor]:
    """Return the gradients of `shared`, weighted, and those of `own`, unweighted."""
    if bool((weights == 1).all()):
        return gradients([losses.sum()], [*shared, *own], None)
    shared_part = gradients([losses @ weights.to(losses)], shared, None)
    return shared_part + gradients([losses.sum()], own, None)


def _ends(representation: Any) -> list[torch.Tensor]:
    if representation is None:
        return []
    one = isinstance(representation, torch.Tensor)
    ends = [representation] if one else list(representation)
    if not all(end.requires_grad for end in ends):
        raise UserError(
            "The representation does not depend on a parameter that is trained. Pass "
            "the tensor that the losses were computed from, not detached."
        )
    return ends


def _accumulate(parameters: list[Any], added: list[torch.Tensor]) -> None:
    for parameter, gradient in zip(parameters, added, strict=True):
        known = parameter.grad
        parameter.grad = gradient.detach() if known is None else known + gradient
