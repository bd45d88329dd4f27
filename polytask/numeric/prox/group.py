"""Shrink whole groups toward zero: the prox of the Euclidean norm."""

from keras import ops

from polytask.regularizers._tensor import Tensor, safe_norm


def group_soft_threshold(v: Tensor, threshold: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return (1 - threshold / ‖v_g‖)₊ · v_g for every group g.

    Args:
        v: Tensor.
        threshold: Scalar, or tensor that broadcasts with the group norms (size one
            along `axes`), at least 0.
        axes: The axes that run inside a group.

    Returns:
        Tensor of the shape of `v`; a group with a norm of at most the threshold is
        exactly 0.0.

    Source:
        Yuan and Lin, "Model selection and estimation in regression with grouped
        variables", JRSS-B 2006.
    """
    norm = safe_norm(v, axes, keepdims=True)
    kept = norm > threshold
    return v * ops.where(kept, 1 - threshold / ops.where(kept, norm, 1.0), 0.0)
