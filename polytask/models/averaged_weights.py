"""A look at the moving average of the weights while training goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask.models.recompute_statistics import (
    recompute_statistics,
    statistics_layers,
)


@contextmanager
def averaged_weights(model: keras.Model, data: Any = None) -> Iterator[None]:
    """Give a model the weights that `use_ema=True` would end with, for a while.

    Args:
        model: A compiled model in training, whose optimizer averages the weights.
        data: Training rows for the statistics of batch normalization, as for
            `recompute_statistics`; None leaves these as they are.

    Yields:
        Nothing; afterwards the model has its own weights again.
    """
    kept = [(v, np.array(ops.convert_to_numpy(v))) for v in model.weights]
    model.optimizer.finalize_variable_values(model.trainable_weights)
    try:
        if data is not None and statistics_layers(model):
            recompute_statistics(model, data)
        yield
    finally:
        for variable, value in kept:
            variable.assign(value)
