"""What the layers have in common that are random in training alone."""

from typing import Any

import keras

from polytask._checks import checked_number
from polytask.layers._configured import ConfiguredLayer


class StochasticLayer(ConfiguredLayer):
    """Drops something at random in training; at inference it is the identity.

    Each layer draws from a generator of its own, so that a layer or a task more
    leaves the random numbers of the others as they are.

    Args:
        rate: Probability of being dropped, in [0, 1).
        seed: Seed of the random numbers, or None.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If `rate` is out of range.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = checked_number(
            rate, "rate", type(self).__name__, at_least=0.0, below=1.0
        )
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the inputs, in training with a random part dropped."""
        return self.drop(inputs) if training and self.rate > 0 else inputs

    def drop(self, inputs: Any) -> Any:
        """Return the inputs with a random part dropped."""
        raise TypeError(f"{type(self).__name__} must define drop(inputs).")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the input."""
        return input_shape
