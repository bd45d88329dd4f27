"""Steps of hand-written PyTorch loops: plain, the floor, polytask's entry point, peers.

All use one network, one optimizer and one loss. Each peer is used as its
documentation says; where it has options that only change the speed, all are tried.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import mse_loss

from timing import torch_networks
from timing.fastest import fastest
from timing.floors.torch import gradients_of
from timing.network import LEARNING_RATE, Network

Run = Callable[[int], None]


class TorchParts:
    """Trunk, heads, optimizer and data of a network built in PyTorch."""

    def __init__(self, network: Network) -> None:
        self.trunk = torch_networks.trunk_of(network)
        self.heads = torch_networks.heads_of(network)
        self.shared = list(self.trunk.parameters())
        self.private = {
            task: list(head.parameters()) for task, head in self.heads.items()
        }
        parameters = [p for own in self.private.values() for p in own]
        parameters = self.shared + parameters
        self.optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE)
        self.x, self.y = torch_networks.batch(network)

    def losses(self, end: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return task → loss for an output of the trunk."""
        return {task: mse_loss(self.heads[task](end), y) for task, y in self.y.items()}

    def steps(self, backward: Callable[[], Any]) -> Run:
        """Return a function that makes steps; `backward` fills `.grad`."""

        def run(steps: int) -> None:
            for _ in range(steps):
                self.optimizer.zero_grad()
                backward()
                self.optimizer.step()

        return run


def plain(network: Network, _: str) -> Run:
    """Return the step on the sum of the losses."""
    parts = TorchParts(network)

    def backward() -> None:
        sum(parts.losses(parts.trunk(parts.x)).values()).backward()  # type: ignore[union-attr]

    return parts.steps(backward)


def floor_step(network: Network, _: str) -> Run:
    """Return the floor; see `timing.floor`."""

    def made(batched: bool) -> Run:
        parts = TorchParts(network)
        private = list(parts.private.values())

        def backward() -> None:
            end = parts.trunk(parts.x)
            _, gradients, own = gradients_of(
                end, parts.heads, parts.y, parts.shared, private, batched
            )
            for p, gradient in zip(parts.shared, gradients, strict=True):
                p.grad = gradient
            for parameters, found in zip(private, own, strict=True):
                for p, gradient in zip(parameters, found, strict=True):
                    p.grad = gradient

        return parts.steps(backward)

    return fastest([made(False), made(True)])


def native(network: Network, balancer: str) -> Run:
    """Return the step of polytask's `multitask_backward`."""
    from polytask import balancing
    from polytask.training.native.torch import multitask_backward

    parts = TorchParts(network)
    chosen = balancing.get(balancer)

    def backward() -> None:
        end = parts.trunk(parts.x)
        multitask_backward(
            parts.losses(end),
            parts.shared,
            parts.private,
            balancer=chosen,
            representation=end,
        )

    return parts.steps(backward)


def torchjd(network: Network, balancer: str) -> Run:
    """Return the step of TorchJD's `mtl_backward`, with the fastest of its options."""
    from torchjd import aggregation
    from torchjd.autojac import jac_to_grad, mtl_backward

    aggregators = {
        "equal": aggregation.Sum,
        "pcgrad": aggregation.PCGrad,
        "cagrad": lambda: aggregation.CAGrad(c=0.4),
        "mgda": aggregation.MGDA,
        "upgrad": aggregation.UPGrad,
        "nash_mtl": lambda: aggregation.NashMTL(n_tasks=network.tasks),
        "aligned_mtl": aggregation.AlignedMTL,
    }

    def made(chunk: int | None, lean: bool) -> Run:
        parts = TorchParts(network)
        aggregator = aggregators[balancer]()

        def backward() -> None:
            end = parts.trunk(parts.x)
            losses = list(parts.losses(end).values())
            mtl_backward(losses, features=end, parallel_chunk_size=chunk)
            jac_to_grad(parts.shared, aggregator, optimize_gramian_computation=lean)

        return parts.steps(backward)

    # From a Gramian alone; Nash-MTL in TorchJD wants the Jacobian.
    lean_ones = (False,) if balancer == "nash_mtl" else (False, True)
    return fastest([made(c, lean) for c in (None, 1) for lean in lean_ones])


def libmtl(network: Network, balancer: str) -> Run:
    """Return the step of LibMTL, with its documented default options."""
    from timing import libmtl

    return libmtl.step(network, balancer, TorchParts(network))
