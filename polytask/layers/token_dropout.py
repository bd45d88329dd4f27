"""Words that are replaced by the unknown word."""

from typing import Any

import keras
from keras import ops

from polytask._checks import checked_count
from polytask._export import polytask_export
from polytask.layers._stochastic import StochasticLayer


@polytask_export("polytask.layers.TokenDropout")
class TokenDropout(StochasticLayer):
    """Replaces random tokens of a sequence of integers by the unknown one.

    The network then also learns the embedding of the unknown token, which it meets in
    earnest at inference. Padding stays.

    Args:
        rate: Probability that a token is replaced, in [0, 1). Default: 0.1.
        unknown: The token that takes its place. Default: 1, as
            `keras.layers.TextVectorization` has it.
        padding: The token that is never replaced. Default: 0.
        seed: Seed of the random numbers, or None.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If an argument is out of range.

    Source:
        Iyyer, Manjunatha, Boyd-Graber and Daumé, "Deep Unordered Composition Rivals
        Syntactic Methods for Text Classification", ACL 2015 (word dropout).

    Example:
        >>> TokenDropout(0.2)(keras.Input((12,), dtype="int32")).shape
        (None, 12)
    """

    def __init__(
        self,
        rate: float = 0.1,
        unknown: int = 1,
        padding: int = 0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.unknown = checked_count(unknown, "unknown", "TokenDropout", at_least=0)
        self.padding = checked_count(padding, "padding", "TokenDropout", at_least=0)

    def drop(self, inputs: Any) -> Any:
        """Return the sequences with random tokens replaced."""
        noise = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator)
        replaced = (noise < self.rate) & ops.not_equal(inputs, self.padding)
        return ops.where(replaced, ops.cast(self.unknown, inputs.dtype), inputs)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        """Return what the input is: integers, whatever the layer's own dtype."""
        return keras.KerasTensor(inputs.shape, inputs.dtype)
