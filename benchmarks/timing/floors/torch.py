"""The floor on PyTorch, for a network of Keras layers or of PyTorch's own."""

from collections.abc import Callable
from typing import Any

import torch


def floor(parts: Any, batched: bool) -> Callable[[int], None]:
    """Return a function that makes steps.

    Args:
        parts: `timing.floor.KerasParts`.
        batched: Whether to pull all tasks back together.
    """
    shared = [v.value for v in parts.trunk.trainable_variables]
    private = [[v.value for v in h.trainable_variables] for h in parts.heads.values()]

    def run(steps: int) -> None:
        for _ in range(steps):
            end = parts.trunk(parts.x, training=True)
            value, gradients, own = gradients_of(
                end, parts.heads, parts.y, shared, private, batched
            )
            with torch.no_grad():
                parts.optimizer.apply(parts.ordered(gradients, own), parts.variables)
        float(value)

    return run


def gradients_of(
    end: Any,
    heads: Any,
    targets: dict[str, Any],
    shared: list[Any],
    private: list[list[Any]],
    batched: bool,
) -> tuple[Any, list[Any], list[list[Any]]]:
    """Return the sum of the losses, the shared and the private gradients.

    Args:
        end: The trunk's output.
        heads: Task → head.
        targets: Task → target.
        shared: The trunk's parameters.
        private: For each head its parameters.
        batched: Whether to pull all tasks back together.
    """
    copies = [end.detach().requires_grad_() for _ in private]
    value = sum(
        torch.nn.functional.mse_loss(heads[task](copy), target)
        for (task, target), copy in zip(targets.items(), copies, strict=True)
    )
    flat = [parameter for own in private for parameter in own]
    gradients = list(torch.autograd.grad(value, [*copies, *flat]))
    cotangents, rest = gradients[: len(copies)], iter(gradients[len(copies) :])
    own = [[next(rest) for _ in parameters] for parameters in private]
    if batched:
        rows = torch.autograd.grad(
            end, shared, torch.stack(cotangents), is_grads_batched=True
        )
        return value, [row.sum(dim=0) for row in rows], own
    totals: list[Any] = []
    for cotangent in cotangents:
        pulled = torch.autograd.grad(end, shared, cotangent, retain_graph=True)
        if not totals:
            totals = list(pulled)
        else:
            torch._foreach_add_(totals, pulled)
    return value, totals, own
