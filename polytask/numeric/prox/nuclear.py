"""The trace norm and its prox, singular value thresholding."""

from keras import ops

from polytask.numeric.prox.singular_values import (
    map_singular_values,
    singular_directions,
    thin_svd,
)
from polytask.numeric.prox.soft_threshold import soft_threshold
from polytask.regularizers._tensor import Tensor


def singular_value_threshold(w: Tensor, threshold: Tensor) -> Tensor:
    """Return U (S - threshold)₊ Vᵀ.

    Args:
        w: Matrix.
        threshold: Scalar, at least 0.

    Returns:
        Matrix of the shape of `w`.

    Source:
        Cai, Candès and Shen, "A Singular Value Thresholding Algorithm for Matrix
        Completion", SIAM J. Optim. 2010.
    """
    return map_singular_values(w, lambda s: soft_threshold(s, threshold))


def nuclear_norm(w: Tensor) -> Tensor:
    """Return the sum of the singular values, with the gradient U Vᵀ.

    Differentiating a decomposition explodes where singular values repeat or vanish;
    with U and V held constant the value is exact and the gradient the subgradient of
    least norm.

    Args:
        w: Matrix.

    Returns:
        Scalar tensor.
    """
    u, s, vt = thin_svd(w)
    mask = singular_directions(s, int(w.shape[0]), int(w.shape[1]))
    return ops.sum(ops.matmul(u * mask, vt) * w)
