"""Keep large entries, drop small ones: the prox of the count of non-zeros."""

from keras import ops

from polytask.regularizers._tensor import Tensor


def hard_threshold(v: Tensor, strength: Tensor) -> Tensor:
    """Return v where v² > 2 · strength, else 0.

    Args:
        v: Tensor.
        strength: Tensor that broadcasts with `v`, at least 0; step · λ / D.

    Returns:
        Tensor of the shape of `v`.

    Source:
        Blumensath and Davies, "Iterative Thresholding for Sparse Approximations",
        J. Fourier Anal. Appl. 2008.
    """
    return ops.where(ops.abs(v) > ops.sqrt(2 * strength), v, ops.zeros_like(v))
