"""Distance to the subdifferential of a sum of Euclidean norms."""

from keras import ops

from polytask.regularizers._tensor import Tensor, safe_norm


def group_distance(
    w: Tensor, gradient: Tensor, strength: float, axes: tuple[int, ...]
) -> Tensor:
    """Return the largest distance, over groups, of -gradient to ∂(strength · ‖w_g‖).

    Args:
        w: Weights.
        gradient: Gradient of the loss at `w`.
        strength: λ, at least 0.
        axes: The axes that run inside a group.

    Returns:
        Scalar tensor.
    """
    norm = safe_norm(w, axes, keepdims=True)
    removed = norm == 0
    direction = w / ops.where(removed, ops.ones_like(norm), norm)
    elsewhere = safe_norm(gradient + strength * direction, axes, keepdims=True)
    at_zero = ops.maximum(safe_norm(gradient, axes, keepdims=True) - strength, 0)
    return ops.max(ops.where(removed, at_zero, elsewhere))
