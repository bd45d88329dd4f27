"""A layer that turns the gradient around."""

import math
from typing import Any

from keras import ops

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer


@polytask_export("polytask.layers.GradientReversal")
class GradientReversal(ConfiguredLayer):
    """The input itself; its gradient times -strength.

    Between shared features and a head that guesses where a row comes from (its task,
    its source), the head learns to guess and the features learn to give nothing away.

    With `warmup_steps`, the factor grows over the first training steps as in the
    paper, strength · (2 / (1 + exp(-10 step / warmup_steps)) - 1), so that the head
    can learn something first.

    Args:
        strength: Factor of the reversed gradient, at least 0. Defaults to 1.
        warmup_steps: Training steps until the factor is full; 0, the default, for
            full from the start.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If the strength is negative or not finite, or the number of steps is
            no integer from 0.

    Source:
        Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR 2016.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> layer = GradientReversal(0.1)
        >>> keras.ops.convert_to_numpy(layer(np.array([[1.0, -2.0]]))).tolist()
        [[1.0, -2.0]]
    """

    def __init__(
        self, strength: float = 1.0, warmup_steps: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not (math.isfinite(strength) and strength >= 0):
            raise UserError(
                f"GradientReversal: strength must be a number from 0; found {strength}."
            )
        if int(warmup_steps) != warmup_steps or warmup_steps < 0:
            raise UserError(
                "GradientReversal: warmup_steps must be an integer from 0; found "
                f"{warmup_steps!r}."
            )
        self.strength = float(strength)
        self.warmup_steps = int(warmup_steps)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make the counter of training steps, where there is a warm-up."""
        if self.warmup_steps:
            self.steps = self.add_weight(
                name="steps",
                shape=(),
                initializer="zeros",
                dtype="float32",
                trainable=False,
                autocast=False,
            )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the input."""
        factor = ops.cast(self._factor(bool(training)), inputs.dtype)
        # The difference is exactly zero, and only its second part has a gradient.
        return ops.stop_gradient(inputs) - factor * (inputs - ops.stop_gradient(inputs))

    def _factor(self, training: bool) -> Any:
        if not self.warmup_steps:
            return self.strength
        share = self.steps / self.warmup_steps
        if training:
            self.steps.assign(ops.minimum(self.steps + 1.0, float(self.warmup_steps)))
        return self.strength * (2.0 / (1.0 + ops.exp(-10.0 * share)) - 1.0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape
