"""The prox of the absolute value plus a square."""

from polytask.numeric.prox.soft_threshold import soft_threshold
from polytask.regularizers._tensor import Tensor


def elastic_net(v: Tensor, l1: Tensor, l2: Tensor) -> Tensor:
    """Return argmin over w of ½(w - v)² + l1·|w| + ½·l2·w², entry by entry.

    Args:
        v: Tensor.
        l1: Tensor that broadcasts with `v`, at least 0; step · λ₁ / D.
        l2: Tensor that broadcasts with `v`, at least 0; step · λ₂ / D.

    Returns:
        Tensor of the shape of `v`, exactly 0.0 where |v| ≤ l1.
    """
    return soft_threshold(v, l1) / (1 + l2)
