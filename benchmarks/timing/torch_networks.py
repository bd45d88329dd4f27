"""The networks in PyTorch, without Keras."""

from itertools import pairwise
from typing import Any

import torch
from torch import nn

from timing.network import (
    ATTENTION_HEADS,
    CNN_FILTERS,
    FEED_FORWARD,
    MLP_UNITS,
    SHAPES,
    Network,
)


def trunk_of(network: Network) -> nn.Module:
    """Return the shared part."""
    builders = {"mlp": _mlp, "cnn": _cnn, "transformer": _transformer}
    return builders[network.name]()


def heads_of(network: Network) -> nn.ModuleDict:
    """Return the private parts."""
    image = 32 // 2 ** len(CNN_FILTERS)
    widths = {
        "mlp": MLP_UNITS[-1],
        "cnn": CNN_FILTERS[-1] * image**2,
        "transformer": SHAPES["transformer"][-1],
    }
    width = widths[network.name]
    return nn.ModuleDict({name: nn.Linear(width, 1) for name in network.task_names})


def batch(network: Network) -> tuple[Any, dict[str, Any]]:
    """Return a batch as tensors."""
    x, y = network.batch()
    if x.ndim == 4:
        x = x.transpose(0, 3, 1, 2).copy()
    return torch.from_numpy(x), {t: torch.from_numpy(v) for t, v in y.items()}


def _mlp() -> nn.Module:
    sizes = (SHAPES["mlp"][1], *MLP_UNITS)
    parts: list[nn.Module] = []
    for before, after in pairwise(sizes):
        parts += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*parts)


def _cnn() -> nn.Module:
    channels = (SHAPES["cnn"][-1], *CNN_FILTERS)
    parts: list[nn.Module] = []
    for before, after in pairwise(channels):
        parts += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*parts, nn.Flatten())


class _Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=1)


def _transformer() -> nn.Module:
    block = nn.TransformerEncoderLayer(
        SHAPES["transformer"][-1],
        ATTENTION_HEADS,
        FEED_FORWARD,
        dropout=0.0,
        batch_first=True,
    )
    return nn.Sequential(block, _Mean())
