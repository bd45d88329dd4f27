"""Layers with a kernel: every output column is a weighted sum of input columns."""

from typing import Any

import numpy as np
from keras import ops

from polytask.models.compacting.activation import is_elementwise, on_constants
from polytask.models.compacting.column_rule import (
    ColumnRule,
    Constants,
    Mask,
    Shrunken,
)


class KernelRule(ColumnRule):
    """`Dense` and the plain convolutions: a kernel (*window, inputs, outputs).

    A weight that is zero needs no input. A column without any other weight is the
    constant `activation(bias)`, and goes into the bias of the layer that reads it.

    Args:
        size: The argument of the layer that sets the number of outputs.
    """

    def __init__(self, size: str) -> None:
        self.size = size

    def applies(self, layer: Any, reads: list[Any], returns: Any) -> bool:
        """A grouped, quantized or LoRA kernel is no plain weighted sum."""
        plain = getattr(layer, "data_format", "channels_last") == "channels_last"
        plain = plain and getattr(layer, "groups", 1) == 1
        plain = plain and getattr(layer, "quantization_mode", None) is None
        return plain and not getattr(layer, "lora_enabled", False)

    def constants(self, layer: Any, sources: list[Constants], width: int) -> Constants:
        """A column is constant if its weights on columns that vary are all zero."""
        weights, values = _weights(layer), _foldable(layer, sources[0])
        varies = np.any(weights[:, np.isnan(values)] != 0, axis=(0, 1))
        result = _bias(layer) + np.nan_to_num(values) @ weights.sum(axis=0)
        if not is_elementwise(layer.activation) and varies.any():
            varies[:] = True
        result[varies] = np.nan
        if varies.all():
            return result
        return on_constants(layer.activation, result)

    def needs(self, layer: Any, needed: Mask, sources: list[Constants]) -> list[Mask]:
        """A column is needed if it varies and a needed column has a weight on it."""
        outputs = _widened(layer, needed)
        used = np.any(_weights(layer)[..., outputs] != 0, axis=(0, 2))
        return [used & np.isnan(_foldable(layer, sources[0]))]

    def kept(self, layer: Any, needed: Mask, sources: list[Mask]) -> Mask:
        """The layer computes what is needed and no more."""
        return _widened(layer, needed)

    def shrink(
        self, layer: Any, kept: Mask, sources: list[Mask], constants: list[Constants]
    ) -> Shrunken:
        """Cut the kernel, and put the constants left out into the bias.

        Without any source column the kernel is a row of zeros, on one column that
        the caller must choose.
        """
        kernel, source = ops.convert_to_numpy(layer.kernel), sources[0]
        values = np.nan_to_num(_foldable(layer, constants[0]))
        shift = (values * ~source) @ _weights(layer).sum(axis=0)
        cut = kernel[..., source, :][..., kept]
        if not source.any():
            cut = np.zeros((*kernel.shape[:-2], 1, int(kept.sum())), kernel.dtype)
        use_bias = bool(layer.use_bias or np.any(shift[kept] != 0))
        weights = {"kernel": cut}
        if use_bias:
            weights["bias"] = (_bias(layer) + shift)[kept]
        config = {self.size: int(kept.sum()), "use_bias": use_bias}
        return Shrunken(config, weights)


def _weights(layer: Any) -> np.ndarray:
    """Return the kernel as (window, inputs, outputs), in float64."""
    kernel = ops.convert_to_numpy(layer.kernel).astype("float64")
    return kernel.reshape(-1, *kernel.shape[-2:])


def _bias(layer: Any) -> np.ndarray:
    if not layer.use_bias:
        return np.zeros(layer.kernel.shape[-1])
    bias: np.ndarray = ops.convert_to_numpy(layer.bias).astype("float64")
    return bias


def _foldable(layer: Any, constants: Constants) -> Constants:
    """Return the constants that a bias can stand for.

    At the border of a padded convolution a constant meets zeros instead, so only 0 is
    the same everywhere.
    """
    if getattr(layer, "padding", "valid") == "valid":
        return constants
    return np.where(constants == 0, 0.0, np.nan)


def _widened(layer: Any, needed: Mask) -> Mask:
    """All columns are needed for one where the activation mixes them."""
    if is_elementwise(layer.activation):
        return needed
    return np.full_like(needed, needed.any())
