"""Shrink every entry toward zero: the prox of the absolute value."""

from keras import ops

from polytask.regularizers._gradient_free import gradient_free_torch
from polytask.regularizers._tensor import Tensor


def soft_threshold(v: Tensor, threshold: Tensor) -> Tensor:
    """Return sign(v) · max(|v| - threshold, 0), entry by entry.

    Args:
        v: Tensor.
        threshold: Tensor that broadcasts with `v`, at least 0; step · λ / D.

    Returns:
        Tensor of the shape of `v`; exactly 0.0 where |v| ≤ threshold.

    Example:
        >>> from keras import ops
        >>> shrunk = soft_threshold(ops.array([3.0, -0.5, 1.0, -2.0]), 1.0)
        >>> ops.convert_to_numpy(shrunk).tolist()
        [2.0, 0.0, 0.0, -1.0]
    """
    # What is taken away is the weight itself where it is small: an exact zero.
    torch = gradient_free_torch(v, threshold)
    if torch is not None and getattr(threshold, "shape", None) == v.shape:
        place = torch.neg(threshold)
        torch.clamp(v, place, threshold, out=place)
        return torch.sub(v, place, out=place)
    return v - ops.clip(v, -threshold, threshold)
