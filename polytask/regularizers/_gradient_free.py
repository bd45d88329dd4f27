"""Whether PyTorch records what is computed, so that nothing may be overwritten."""

from typing import Any

import keras


def gradient_free_torch(*given: Any) -> Any | None:
    """Return the module `torch` where it computes without recording a gradient.

    There a function may write over its own results, which then stay in the cache: in
    fresh memory an operation of the size of a kernel takes up to five times as long.

    Args:
        *given: What is computed with; numbers and tensors.

    Returns:
        The module; None on other backends, or if one of the tensors needs a gradient.
    """
    if keras.backend.backend() != "torch":
        return None
    import torch

    recorded = torch.is_grad_enabled() and any(
        getattr(tensor, "requires_grad", False) for tensor in given
    )
    return None if recorded else torch
