"""A dense layer that drops weights instead of activations."""

from typing import Any

import keras
from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.layers._configured import ConfiguredLayer


@polytask_export("polytask.layers.DropConnect")
class DropConnect(ConfiguredLayer, keras.layers.Dense):
    """A dense layer whose weights are dropped in training.

    y = a(((M ∘ W)ᵀ x + m ∘ b) / (1 - p)) with masks M, m of zeros (at probability p)
    and ones. Each row of a batch has masks of its own, as in the paper, where one mask
    for all did not regularize enough; this takes rows × inputs × units numbers of
    memory.

    At inference the weights are the mean of the dropped ones. Before a nonlinear
    activation this is not the mean of the outputs, which
    `polytask.predict_samples` estimates.

    Args:
        units: Number of outputs.
        rate: p, in [0, 1). Default: 0.5.
        per_row: Whether each row has masks of its own; False draws one for the batch,
            which takes the memory of the kernel only. Default: True.
        seed: Seed of the random numbers, or None.
        **kwargs: Arguments of `keras.layers.Dense`, such as `activation`.

    Raises:
        UserError: If `rate` is out of range.

    Source:
        Wan, Zeiler, Zhang, LeCun and Fergus, "Regularization of Neural Networks using
        DropConnect", ICML 2013.

    Example:
        >>> DropConnect(3, rate=0.2, activation="relu")(keras.Input((8,))).shape
        (None, 3)
    """

    def __init__(
        self,
        units: int,
        rate: float = 0.5,
        per_row: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        self.rate = checked_number(rate, "rate", "DropConnect", at_least=0.0, below=1.0)
        self.per_row = bool(per_row)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the outputs of a batch."""
        if not training or self.rate == 0:
            return super().call(inputs)
        rows = ops.shape(inputs)[0] if self.per_row else 1
        x = ops.reshape(inputs, (rows, -1, inputs.shape[-1]))
        y = ops.matmul(x, self._dropped(self.kernel, rows))
        if self.bias is not None:
            y = y + self._dropped(ops.expand_dims(self.bias, 0), rows)
        y = ops.reshape(y, (*ops.shape(inputs)[:-1], self.units))
        return y if self.activation is None else self.activation(y)

    def _dropped(self, weights: Any, rows: Any) -> Any:
        """Return `weights` once for each row, with random entries at zero."""
        shape = (rows, *weights.shape)
        return keras.random.dropout(
            ops.broadcast_to(weights, shape), self.rate, seed=self.seed_generator
        )
