"""A normalization that learns which moments to take."""

from typing import Any

import keras
from keras import ops

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._moments import counted, counted_moments


@polytask_export("polytask.layers.SwitchableNormalization")
class SwitchableNormalization(keras.layers.BatchNormalization):
    """y = γ (x - Σ_k w_k μ_k) / √(Σ_k w'_k σ_k² + ε) + β, with learned w and w'.

    The moments k are those of a channel of a row over its positions (instance), of a
    row over positions and channels (layer), and of a channel over the batch; w and w'
    are softmaxes of three learned numbers each, which begin equal. A table has no
    positions, so that layer and batch are left. At inference the moments of the batch
    are moving averages, as in `keras.layers.BatchNormalization`.

    Args:
        **kwargs: Arguments of `keras.layers.BatchNormalization` other than `axis`,
            which is the last, `renorm` and `synchronized`.

    Raises:
        UserError: If `axis`, `renorm` or `synchronized` is asked for.

    Source:
        Luo, Ren, Peng, Zhang and Li, "Differentiable Learning-to-Normalize via
        Switchable Normalization", ICLR 2019.

    Example:
        >>> SwitchableNormalization()(keras.Input((8, 8, 4))).shape
        (None, 8, 8, 4)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.renorm or self.synchronized or self.axis != -1:
            raise UserError(
                "SwitchableNormalization takes moments of several kinds over the last "
                "axis, with which neither axis, renorm=True nor synchronized=True goes."
            )

    def build(self, input_shape: Any) -> None:
        """Make the numbers that choose."""
        super().build(input_shape)
        kinds = 2 if len(input_shape) == 2 else 3
        self.mean_choice, self.variance_choice = (
            self.add_weight(name=name, shape=(kinds,), initializer="zeros")
            for name in ("mean_choice", "variance_choice")
        )

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the normalized features."""
        x = ops.cast(inputs, "float32")
        channel, positions = len(x.shape) - 1, tuple(range(1, len(x.shape) - 1))
        weights = counted(x, mask)
        kinds = [counted_moments(x, weights, (*positions, channel))]
        if positions:
            kinds.append(counted_moments(x, weights, positions))
        kinds.append(self._of_batch(x, weights, bool(training) and self.trainable))
        shares = [
            ops.softmax(ops.cast(choice, "float32"))
            for choice in (self.mean_choice, self.variance_choice)
        ]
        mean, variance = (
            sum(share[k] * moments[which] for k, moments in enumerate(kinds))
            for which, share in enumerate(shares)
        )
        y = (x - mean) * ops.rsqrt(variance + self.epsilon)
        if self.scale:
            y = y * ops.cast(self.gamma, "float32")
        if self.center:
            y = y + ops.cast(self.beta, "float32")
        return ops.cast(y, self.compute_dtype)

    def _of_batch(self, x: Any, weights: Any, training: bool) -> tuple[Any, Any]:
        """Return the moments of the batch, or in inference their averages."""
        moving = (self.moving_mean, self.moving_variance)
        if not training:
            mean, variance = (ops.cast(each, "float32") for each in moving)
            return mean, variance
        rows = tuple(range(len(x.shape) - 1))
        mean, variance = (
            ops.squeeze(each, rows) for each in counted_moments(x, weights, rows)
        )
        for average, now in zip(moving, (mean, variance), strict=True):
            old = ops.cast(average, "float32")
            new = old * self.momentum + ops.stop_gradient(now) * (1.0 - self.momentum)
            average.assign(ops.cast(new, average.dtype))
        return mean, variance
