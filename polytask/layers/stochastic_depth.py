"""Residual branches that are left out at random."""

from typing import Any

import keras

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask.layers._stochastic import StochasticLayer


@polytask_export("polytask.layers.StochasticDepth")
class StochasticDepth(StochasticLayer):
    """Leaves a residual branch out for some rows of a batch: DropPath.

    The layer stands at the end of the branch f and before the sum,
    y = x + b/(1-p) f(x) with b = 0 at probability p, drawn for each row by itself. At
    inference y = x + f(x). Deeper branches are usually dropped more often,
    p_l = p l/L; see `rates`.

    A trunk runs once for all tasks, so that all tasks of a row see the same depth.

    Args:
        rate: p, in [0, 1).
        seed: Seed of the random numbers, or None.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If `rate` is out of range.

    Source:
        Huang, Sun, Liu, Sedra and Weinberger, "Deep Networks with Stochastic Depth",
        ECCV 2016.

    Example:
        >>> x = keras.Input((8,))
        >>> for rate in StochasticDepth.rates(0.2, depth=2):
        ...     branch = keras.layers.Dense(8, "relu")(x)
        ...     x = keras.layers.Add()([x, StochasticDepth(rate)(branch)])
        >>> x.shape
        (None, 8)
    """

    def drop(self, inputs: Any) -> Any:
        """Return the branch, zero for the rows that leave it out."""
        each_row = (None, *[1] * (len(inputs.shape) - 1))
        return keras.random.dropout(
            inputs, self.rate, noise_shape=each_row, seed=self.seed_generator
        )

    @staticmethod
    def rates(last: float, depth: int) -> list[float]:
        """Return rates that rise linearly with the depth.

        Args:
            last: The rate of the last branch, in [0, 1).
            depth: L, the number of branches.

        Returns:
            p l/L for l from 1 to L.

        Raises:
            UserError: If `last` or `depth` is out of range.

        Example:
            >>> StochasticDepth.rates(0.5, depth=4)
            [0.125, 0.25, 0.375, 0.5]
        """
        last = checked_number(last, "last", "StochasticDepth", at_least=0.0, below=1.0)
        depth = checked_count(depth, "depth", "StochasticDepth")
        return [last * level / depth for level in range(1, depth + 1)]
