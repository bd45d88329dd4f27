"""The level shared by the projections and norms that sort their entries."""

from keras import ops

from polytask.regularizers._tensor import Tensor


def water_level(
    keys: Tensor, numerators: Tensor, denominators: Tensor, offset: Tensor, base: Tensor
) -> Tensor:
    """Return the largest (Σ numerators - offset) / (base + Σ denominators) of a prefix.

    The prefixes are those of the last axis sorted by falling key, where key =
    numerator / denominator. Adding an entry raises the ratio exactly while its key
    exceeds the ratio so far, so the largest ratio is the level at which the entries
    above it balance: the threshold of a simplex projection, the cap of L1,∞, the
    shrinkage of the exclusive lasso.

    Args:
        keys: Tensor of shape (..., n).
        numerators: Tensor of shape (..., n).
        denominators: Tensor of shape (..., n), above 0.
        offset: Scalar.
        base: Scalar, at least 0.

    Returns:
        Tensor of shape (..., 1).

    Source:
        Held, Wolfe and Crowder, "Validation of subgradient optimization", Math.
        Program. 1974 (for the simplex).
    """
    order = ops.flip(ops.argsort(keys, axis=-1), axis=-1)
    top = ops.cumsum(ops.take_along_axis(numerators, order, axis=-1), axis=-1)
    bottom = ops.cumsum(ops.take_along_axis(denominators, order, axis=-1), axis=-1)
    return ops.max((top - offset) / (base + bottom), axis=-1, keepdims=True)
