"""Dropout of contiguous blocks of a feature map."""

from typing import Any

import keras
from keras import ops

from polytask._checks import checked_count
from polytask._export import polytask_export
from polytask.errors import UserError, one_of
from polytask.layers._stochastic import StochasticLayer

_FORMATS = ("channels_last", "channels_first")


class DropBlock(StochasticLayer):
    """What `DropBlock1D` and `DropBlock2D` have in common.

    Args:
        rate: Expected share of dropped values where blocks do not overlap, in [0, 1).
        block_size: b, the length of a block's side.
        data_format: `"channels_last"` or `"channels_first"`. Default: Keras's.
        seed: Seed of the random numbers, or None.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.
    """

    #: Number of axes that a block extends over.
    rank: int

    def __init__(
        self,
        rate: float = 0.1,
        block_size: int = 7,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        owner = type(self).__name__
        self.block_size = checked_count(block_size, "block_size", owner)
        self.data_format = data_format or keras.config.image_data_format()
        one_of(f"{owner}: data_format", self.data_format, _FORMATS)

    def build(self, input_shape: Any) -> None:
        """Check that a block fits into the feature map."""
        if len(input_shape) != self.rank + 2:
            raise UserError(
                f'{type(self).__name__} "{self.name}": the input must have '
                f"{self.rank + 2} axes; found the shape {tuple(input_shape)}."
            )
        sides = [input_shape[axis] for axis in self._axes()]
        if any(side is not None and side < self.block_size for side in sides):
            raise UserError(
                f'{type(self).__name__} "{self.name}": block_size={self.block_size} '
                f"does not fit into a feature map of {tuple(input_shape)}."
            )

    def drop(self, inputs: Any) -> Any:
        """Return the feature maps with random blocks of each channel at zero."""
        b, axes = self.block_size, self._axes()
        shape, border = list(ops.shape(inputs)), [(0, 0)] * len(inputs.shape)
        rate: Any = self.rate / b**self.rank
        for axis in axes:
            # A block begins where all of it lies inside of the map.
            side, starts = shape[axis], shape[axis] - b + 1
            rate = rate * (ops.cast(side, "float32") / ops.cast(starts, "float32"))
            shape[axis], border[axis] = starts, (b - 1, b - 1)
        starts = keras.random.uniform(tuple(shape), seed=self.seed_generator) < rate
        dropped = ops.max_pool(
            ops.pad(ops.cast(starts, "float32"), border),
            pool_size=b,
            strides=1,
            padding="valid",
            data_format=self.data_format,
        )
        kept = 1.0 - dropped
        count = ops.maximum(ops.sum(kept), 1.0)
        scale = ops.cast(ops.size(kept), "float32") / count
        return inputs * ops.cast(kept * scale, inputs.dtype)

    def _axes(self) -> range:
        first = 1 if self.data_format == "channels_last" else 2
        return range(first, first + self.rank)


@polytask_export("polytask.layers.DropBlock1D")
class DropBlock1D(DropBlock):
    """Drops contiguous stretches of a sequence, each channel by itself.

    See `DropBlock2D`; here γ = p/b · f/(f - b + 1) for a sequence of f steps.

    Args:
        rate: p, in [0, 1). Default: 0.1.
        block_size: b, in steps. Default: 7.
        data_format: `"channels_last"` or `"channels_first"`. Default: Keras's.
        seed: Seed of the random numbers, or None.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If an argument is out of range, or a block is longer than the
            sequence.

    Source:
        Ghiasi, Lin and Le, "DropBlock: A regularization method for convolutional
        networks", NeurIPS 2018.

    Example:
        >>> DropBlock1D(0.1, block_size=3)(keras.Input((20, 4))).shape
        (None, 20, 4)
    """

    rank = 1


@polytask_export("polytask.layers.DropBlock2D")
class DropBlock2D(DropBlock):
    """Drops contiguous squares of a feature map, each channel by itself.

    Neighboring values of a feature map say much the same, so that dropping them one by
    one takes little away. Blocks begin at random where they fit into the map, with the
    probability γ = p/b² · f²/(f - b + 1)² for maps of f × f; what is kept is scaled so
    that the mean of the mask over the batch is 1. Blocks may overlap, so that somewhat
    less than p is dropped. At inference the layer is the identity.

    Args:
        rate: p, one minus the paper's `keep_prob`, in [0, 1). Default: 0.1.
        block_size: b, the side of a block in pixels. Default: 7.
        data_format: `"channels_last"` or `"channels_first"`. Default: Keras's.
        seed: Seed of the random numbers, or None.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If an argument is out of range, or a block is larger than the map.

    Source:
        Ghiasi, Lin and Le, "DropBlock: A regularization method for convolutional
        networks", NeurIPS 2018.

    Example:
        >>> DropBlock2D(0.1, block_size=3)(keras.Input((8, 8, 4))).shape
        (None, 8, 8, 4)
    """

    rank = 2
