"""Dropout whose rate may change in training."""

from typing import Any

import keras
from keras import ops

from polytask._checks import checked_knob
from polytask._export import polytask_export
from polytask.knob import Knob
from polytask.layers._configured import ConfiguredLayer


@polytask_export("polytask.layers.Dropout")
class Dropout(ConfiguredLayer):
    """Keras's dropout, with a rate that may be a `polytask.Knob`.

    A rate of 0 drops nothing, to the bit, whether it is a number or a knob.

    Args:
        rate: Share of the inputs to drop, from 0 to below 1.
        seed: Seed of the masks, or None.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If the rate is out of range.

    Source:
        Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
        Overfitting", JMLR 2014.

    Example:
        >>> import numpy as np
        >>> from polytask import Knob
        >>> layer = Dropout(Knob(0.0))
        >>> keras.ops.convert_to_numpy(layer(np.ones((1, 3)), training=True)).tolist()
        [[1.0, 1.0, 1.0]]
    """

    def __init__(self, rate: Any, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        highest = 1.0 - 1e-6
        self.rate = checked_knob(rate, "rate", "Dropout", at_least=0.0, at_most=highest)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the inputs, in training with some of them dropped."""
        if not training or (not isinstance(self.rate, Knob) and self.rate == 0):
            return inputs
        kept = 1.0 - ops.convert_to_tensor(self.rate, "float32")
        drawn = keras.random.uniform(
            ops.shape(inputs), dtype="float32", seed=self.seed_generator
        )
        scaled = inputs / ops.cast(kept, inputs.dtype)
        return ops.where(drawn < kept, scaled, ops.zeros_like(scaled))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the input."""
        return input_shape
