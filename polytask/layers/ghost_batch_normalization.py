"""Batch normalization over parts of a batch."""

from typing import Any

import keras
from keras import ops

from polytask._checks import checked_count
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer
from polytask.layers._moments import group_moments, unbiased
from polytask.layers._rows import over_rows


@polytask_export("polytask.layers.GhostBatchNormalization")
class GhostBatchNormalization(ConfiguredLayer, keras.layers.BatchNormalization):
    """Batch normalization whose moments are those of virtual batches.

    The noise of the moments of a small batch regularizes; large batches lose it, and
    this gives it back. A batch is cut into as many virtual batches as have
    `virtual_batch_size` rows or more, of which none is larger than another by more than
    a row; a batch that is smaller than that stays whole. The moving statistics move
    once for each virtual batch, and with the unbiased variance, as a virtual batch has
    few rows. One with a single value has no variance: it is normalized by the moving
    statistics. Inference is that of `keras.layers.BatchNormalization`, and so is
    `trainable = False`.

    Args:
        virtual_batch_size: Rows of a virtual batch, at least 2. Default: 32.
        **kwargs: Arguments of `keras.layers.BatchNormalization` other than `renorm` and
            `synchronized`.

    Raises:
        UserError: If `virtual_batch_size` is below 2, or `renorm` or `synchronized` is
            asked for.

    Source:
        Hoffer, Hubara and Soudry, "Train longer, generalize better: closing the
        generalization gap in large batch training of neural networks", NIPS 2017.

    Example:
        >>> layer = GhostBatchNormalization(virtual_batch_size=16)
        >>> layer(keras.Input((8, 8, 4))).shape
        (None, 8, 8, 4)
    """

    def __init__(self, virtual_batch_size: int = 32, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.virtual_batch_size = checked_count(
            virtual_batch_size, "virtual_batch_size", "GhostBatchNormalization", 2
        )
        if self.renorm or self.synchronized:
            raise UserError(
                "GhostBatchNormalization takes its moments from parts of a batch, with "
                "which neither renorm=True nor synchronized=True goes."
            )

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the normalized features."""
        if not training or not self.trainable:
            return super().call(inputs, training=False, mask=mask)
        x = ops.cast(ops.moveaxis(inputs, self.axis, -1), "float32")
        rows, rank = ops.shape(x)[0], len(x.shape)
        parts = rows // self.virtual_batch_size
        part = ops.arange(rows) * ops.maximum(parts, 1) // rows
        # One part more than needed, and empty, unless the batch is smaller than one.
        numbers = ops.arange(parts + 1)
        members = ops.cast(
            ops.equal(ops.expand_dims(part, 1), ops.expand_dims(numbers, 0)), "float32"
        )
        mean, variance = self._part_moments(x, members, mask)
        factor = ops.rsqrt(variance + self.epsilon)
        if self.scale:
            factor = factor * ops.cast(self.gamma, "float32")
        y = x - over_rows(ops.matmul(members, mean), rank)
        y = y * over_rows(ops.matmul(members, factor), rank)
        if self.center:
            y = y + ops.cast(self.beta, "float32")
        return ops.cast(ops.moveaxis(y, -1, self.axis), self.compute_dtype)

    def _part_moments(self, x: Any, members: Any, mask: Any) -> tuple[Any, Any]:
        """Return the moments to normalize with, and move the moving statistics."""
        counts, mean, variance = group_moments(x, members, mask)
        enough = counts > 1.5
        # A statistic that moves once for each part: the last counts most.
        one = ops.cast(enough, "float32")
        moves = ops.sum(one)
        after = moves - ops.cumsum(one, axis=0)
        share = one * (1.0 - self.momentum) * ops.power(self.momentum, after)
        remains = ops.power(self.momentum, moves)
        moments = []
        for moving, value, seen in (
            (self.moving_mean, mean, mean),
            (self.moving_variance, variance, unbiased(variance, counts)),
        ):
            old = ops.cast(moving, "float32")
            moments.append(ops.where(enough, value, old))
            new = ops.sum(share * ops.stop_gradient(seen), axis=0)
            moving.assign(ops.cast(remains * old + new, moving.dtype))
        return moments[0], moments[1]
