"""The step of LibMTL 1.1.5, the release on PyPI.

Its `Trainer` runs on "cuda:0" alone, so the steps are those of the body of its loop,
around its architecture and weighting classes.
"""

import sys
import types
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import mse_loss

#: Options as in LibMTL's command line.
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "equal": ("EW", {}),
    "pcgrad": ("PCGrad", {}),
    "cagrad": ("CAGrad", {"calpha": 0.5, "rescale": 1}),
    "mgda": ("MGDA", {"mgda_gn": "none"}),
}


def step(network: Any, balancer: str, parts: Any) -> Callable[[int], None]:
    """Return a function that makes steps.

    Args:
        network: The `Network`.
        balancer: polytask's name of the method.
        parts: `timing.torch_steps.TorchParts`.
    """
    # Its ResNet imports a function that torchvision no longer has, and that only
    # downloads weights.
    missing = types.ModuleType("torchvision.models.utils")
    missing.load_state_dict_from_url = None  # type: ignore[attr-defined]
    sys.modules.setdefault("torchvision.models.utils", missing)
    from LibMTL import weighting
    from LibMTL.architecture import HPS

    name, options = METHODS[balancer]

    class Model(HPS, getattr(weighting, name)):  # type: ignore[misc]
        def zero_grad_share_params(self) -> None:
            # Today's default, None, would leave it without the `.grad` it fills.
            self.encoder.zero_grad(set_to_none=False)

    model = Model(
        network.task_names, lambda: parts.trunk, parts.heads, False, False, "cpu"
    )
    model.init_param()

    def backward() -> None:
        predictions = model(parts.x)
        losses = torch.zeros(network.tasks)
        for index, task in enumerate(network.task_names):
            losses[index] = mse_loss(predictions[task], parts.y[task])
        model.backward(losses, **options)

    return parts.steps(backward)
