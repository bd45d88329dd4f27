"""The Poisson loss less that of a perfect prediction."""

from typing import Any

import keras
from keras import ops

from polytask._export import polytask_export


@polytask_export("polytask.losses.PoissonDeviance")
class PoissonDeviance(keras.losses.Loss):
    """p - y - y log(p / y), half the Poisson deviance of counts y and their means p.

    Its gradient is that of Keras's Poisson loss. That one falls below zero where counts
    are large, and cannot be compared with other losses or have a logarithm; this one is
    0 for a perfect prediction, and positive else.

    Args:
        **kwargs: Arguments of `keras.losses.Loss`, such as `name`.

    Example:
        >>> import numpy as np
        >>> loss = PoissonDeviance()
        >>> round(float(loss(np.array([[8.0]]), np.array([[4.0]]))), 3)
        1.545
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("name", "poisson_deviance")
        super().__init__(**kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row.

        Args:
            y_true: (rows, values), from 0.
            y_pred: (rows, values), above 0.

        Returns:
            (rows,).
        """
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.cast(y_true, y_pred.dtype)
        least = keras.backend.epsilon()
        p, y = ops.maximum(y_pred, least), ops.maximum(y_true, least)
        return ops.mean(p - y - y_true * (ops.log(p) - ops.log(y)) + least, axis=-1)
