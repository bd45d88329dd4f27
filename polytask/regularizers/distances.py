"""Distances to the subdifferentials of the norms of entries and of groups."""

from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm


def entry_distances(
    xp: Namespace, w: Tensor, gradient: Tensor, slope: Tensor
) -> Tensor:
    """Return the distance of every entry of -gradient to slope · ∂|w|.

    Args:
        xp: A namespace.
        w: Weights.
        gradient: Gradient of everything smooth at `w`.
        slope: Scalar, or tensor that broadcasts with `w`, at least 0.

    Returns:
        Tensor of the shape of `w`.
    """
    at_zero = xp.maximum(xp.abs(gradient) - slope, 0.0)
    elsewhere = xp.abs(gradient + slope * xp.sign(w))
    return xp.where(w == 0, at_zero, elsewhere)


def group_distance(
    xp: Namespace, w: Tensor, gradient: Tensor, strength: Tensor, axes: tuple[int, ...]
) -> Tensor:
    """Return the largest distance, over groups, of -gradient to ∂(strength · ‖w_g‖).

    Args:
        xp: A namespace.
        w: Weights.
        gradient: Gradient of everything smooth at `w`.
        strength: λ, at least 0.
        axes: The axes that run inside a group.

    Returns:
        Scalar tensor.
    """
    removed, direction = directions(xp, w, axes)
    elsewhere = safe_norm(xp, gradient + strength * direction, axes, keepdims=True)
    at_zero = safe_norm(xp, gradient, axes, keepdims=True) - strength
    return xp.max(xp.where(removed, xp.maximum(at_zero, 0.0), elsewhere))


def directions(
    xp: Namespace, w: Tensor, axes: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Return which groups are zero, and w_g / ‖w_g‖ of the others.

    Args:
        xp: A namespace.
        w: Weights.
        axes: The axes that run inside a group.
    """
    norm = safe_norm(xp, w, axes, keepdims=True)
    return norm == 0, w / xp.where(norm > 0, norm, xp.ones_like(norm))
