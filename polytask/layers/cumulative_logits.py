"""Probabilities of ordered classes from one score."""

from typing import Any

import numpy as np
from keras import ops

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer


@polytask_export("polytask.layers.CumulativeLogits")
class CumulativeLogits(ConfiguredLayer):
    """The proportional-odds model: log P(y ≤ k) / P(y > k) = θ_k − s.

    One score s and learned thresholds θ_1 < θ_2 < … give the probabilities of ordered
    classes, so that a task with grades learns one direction and not one per grade. It
    is the last layer of a head:

        score = keras.layers.Dense(1, use_bias=False)(tower)
        grade = CumulativeLogits(5)(score)

    Train with `"sparse_categorical_crossentropy"` on the classes' codes. The thresholds
    begin where a score of 0 makes all classes equally likely, and stay in order: the
    first moves freely, each further gap is multiplied by a positive number.

    Args:
        num_classes: Number of ordered classes, at least 2.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Scores of shape (..., 1).

    Returns:
        Probabilities of shape (..., num_classes).

    Raises:
        UserError: If `num_classes` is below 2 or no integer, or the inputs do not end
            in one unit.

    Source:
        P. McCullagh, "Regression Models for Ordinal Data", JRSS B 1980.

    Example:
        >>> layer = CumulativeLogits(4)
        >>> tuple(layer(np.array([[0.0]], "float32")).shape)
        (1, 4)
    """

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        whole = isinstance(num_classes, int) and not isinstance(num_classes, bool)
        if not whole or num_classes < 2:
            raise UserError(
                f"num_classes must be an integer of at least 2; found {num_classes!r}."
            )
        self.num_classes = num_classes
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Create the thresholds' parameters."""
        if input_shape[-1] != 1:
            raise UserError(
                f"CumulativeLogits takes one score a row; found inputs of shape "
                f"{tuple(input_shape)}."
            )
        self.moves = self.add_weight(
            name="moves", shape=(self.num_classes - 1,), initializer="zeros"
        )

    @property
    def thresholds(self) -> Any:
        """θ_1 to θ_{num_classes - 1}, rising, of shape (num_classes - 1,)."""
        moves = ops.cast(self.moves, "float32")
        shares = np.arange(1, self.num_classes) / self.num_classes
        start = np.log(shares / (1 - shares)).astype("float32")
        gaps = ops.convert_to_tensor(np.diff(start)) * ops.exp(moves[1:])
        first = ops.convert_to_tensor(start[:1]) + moves[:1]
        return ops.cumsum(ops.concatenate([first, gaps]))

    def call(self, inputs: Any) -> Any:
        """Return the probabilities."""
        # As sums of half precision they would not rise in small steps.
        logits = self.thresholds - ops.cast(inputs, "float32")
        below, above = ops.sigmoid(logits), ops.sigmoid(-logits)
        # σ(a) − σ(b) as a product: the difference would cancel far from the thresholds.
        gaps = logits[..., 1:] - logits[..., :-1]
        between = below[..., 1:] * above[..., :-1] * -ops.expm1(-gaps)
        parts = [below[..., :1], between, above[..., -1:]]
        return ops.cast(ops.concatenate(parts, axis=-1), inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the probabilities."""
        return (*input_shape[:-1], self.num_classes)
