"""Which regularizers are trained by an exact proximal step."""

from typing import Any

import keras

from polytask.regularizers.entries import L1, ElasticNet
from polytask.regularizers.regularizer import Regularizer


def as_proximal(regularizer: Any) -> Regularizer | None:
    """Return the regularizer whose prox replaces the gradient of `regularizer`.

    Args:
        regularizer: A regularizer of Keras or polytask, or None.

    Returns:
        A polytask regularizer with the same value and a prox; None where the gradient
        is exact (smooth penalties) or no prox is known.

    Example:
        >>> import keras
        >>> as_proximal(keras.regularizers.L1L2(l1=0.5, l2=0.25))
        ElasticNet(l1=0.5, l2=0.5)
        >>> as_proximal(keras.regularizers.L2(0.1)) is None
        True
    """
    if isinstance(regularizer, Regularizer):
        proximal = regularizer.has_prox and not regularizer.smooth
        return regularizer if proximal else None
    # Subclasses may compute something else, so only Keras's own classes match.
    if type(regularizer) is keras.regularizers.L1:
        strength = regularizer.get_config()["l1"]
        return L1(strength) if strength > 0 else None
    if type(regularizer) is keras.regularizers.L1L2:
        config = regularizer.get_config()
        if config["l1"] > 0:
            return ElasticNet(l1=float(config["l1"]), l2=2.0 * float(config["l2"]))
    return None
