"""Data-parallel training on PyTorch: one process a device, each with its own rows."""

from typing import Any

import torch
from torch import distributed

from polytask.training.replicas import Replicas


class Processes(Replicas):
    """The processes of a `torch.distributed` group.

    Args:
        group: The group; default: all processes.
    """

    def __init__(self, group: Any = None) -> None:
        self.group = group
        self.count = distributed.get_world_size(group)

    @classmethod
    def current(cls) -> "Replicas":
        """Return all processes, or one replica where `torch.distributed` is not on."""
        if distributed.is_available() and distributed.is_initialized():
            return cls()
        return Replicas()

    def sum(self, tensors: list[Any]) -> list[Any]:
        """Return the sums over all processes, by one message for each type."""
        results = list(tensors)
        for dtype in {t.dtype for t in tensors}:
            places = [i for i, t in enumerate(tensors) if t.dtype == dtype]
            message = torch.cat([tensors[i].detach().reshape(-1) for i in places])
            distributed.all_reduce(message, group=self.group)
            sizes = [tensors[i].numel() for i in places]
            for i, part in zip(places, torch.split(message, sizes), strict=True):
                results[i] = part.reshape(tensors[i].shape)
        return results

    def average(self, variables: list[Any]) -> None:
        """Give all processes the mean of their batch statistics.

        Args:
            variables: Keras variables; those that hold no floats stay.
        """
        if self.count == 1:
            return
        moved = [v for v in variables if v.value.is_floating_point()]
        for variable, total in zip(
            moved, self.sum([v.value for v in moved]), strict=True
        ):
            variable.assign(total / self.count)
