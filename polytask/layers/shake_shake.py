"""Two branches, mixed anew in each pass, forward and backward."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer


@polytask_export("polytask.layers.ShakeShake")
class ShakeShake(ConfiguredLayer):
    """α f(x) + (1 - α) g(x) forward, β and 1 - β for the gradients backward.

    α and β are drawn from U(0, 1) for each row by itself; at inference both are ½. The
    layer stands before the sum of a residual block, x + ShakeShake()([f(x), g(x)]). A
    trunk runs once for all tasks, whose gradients see the same β.

    Args:
        seed: Seed of the random numbers, or None.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Two tensors of one shape, (rows, ...).

    Raises:
        UserError: If there are not two tensors.

    Source:
        Gastaldi, "Shake-Shake regularization", 2017 (there "Shake-Shake-Image").

    Example:
        >>> import numpy as np
        >>> float(ShakeShake()([np.array([[1.0]]), np.array([[3.0]])])[0, 0])
        2.0
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Sequence[Any], training: bool | None = None) -> Any:
        """Return the mixture of both branches."""
        if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
            raise UserError(
                f'ShakeShake "{self.name}" mixes a list of two tensors; found '
                f"{inputs!r}."
            )
        first, second = inputs
        if not training:
            return (first + second) / 2
        rows = (ops.shape(first)[0], *(1,) * (len(first.shape) - 1))
        forward, backward = (
            ops.cast(keras.random.uniform(rows, seed=self.seed_generator), first.dtype)
            for _ in range(2)
        )
        towards = backward * first + (1 - backward) * second
        value = forward * first + (1 - forward) * second
        return towards + ops.stop_gradient(value - towards)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> Any:
        """Return the shape of a branch."""
        return input_shape[0]

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the first branch."""
        return previous_mask[0] if previous_mask else None
