"""The prox of the minimax concave penalty."""

from keras import ops

from polytask.numeric.prox.soft_threshold import soft_threshold
from polytask.regularizers._tensor import Tensor


def mcp_threshold(v: Tensor, strength: float, gamma: float, step: Tensor) -> Tensor:
    """Return argmin over w of ½(w - v)² + step · MCP(w), entry by entry.

    For gamma > step this is the firm threshold. For longer steps the objective is
    concave between the ends of the penalty's range, and the entry is either kept or
    dropped.

    Args:
        v: Tensor.
        strength: λ, at least 0.
        gamma: Where the penalty becomes flat, in units of λ.
        step: Tensor that broadcasts with `v`, at least 0; learning rate / D.

    Returns:
        Tensor of the shape of `v`.

    Source:
        Zhang, "Nearly unbiased variable selection under minimax concave penalty",
        Ann. Stat. 2010.
    """
    size = ops.abs(v)
    firm = step < gamma
    slope = ops.where(firm, 1 - step / gamma, ops.ones_like(v))
    inside = soft_threshold(v, step * strength) / slope
    shrunk = ops.where(size <= gamma * strength, inside, v)
    kept = size > strength * ops.sqrt(step * gamma)
    return ops.where(firm, shrunk, ops.where(kept, v, ops.zeros_like(v)))
