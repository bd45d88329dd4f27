"""Normalization with fixed statistics for each column."""

from typing import Any

import numpy as np
from keras import ops

from polytask.models.compacting.column_rule import Constants, Mask, Shrunken
from polytask.models.compacting.columnwise_rule import ColumnwiseRule


class BatchNormalizationRule(ColumnwiseRule):
    """`BatchNormalization` at inference: an affine map of each column.

    A column whose γ is zero is the constant β, whatever it reads.
    """

    sized = True

    def applies(self, layer: Any, reads: list[Any], returns: Any) -> bool:
        """Columns are what is normalized only if that axis comes last."""
        return layer.axis in (-1, len(returns.shape) - 1)

    def constants(self, layer: Any, sources: list[Constants], width: int) -> Constants:
        """A constant goes through the affine map."""
        mean, variance = _array(layer.moving_mean), _array(layer.moving_variance)
        scale = 1.0 / np.sqrt(variance + layer.epsilon)
        if layer.scale:
            scale = scale * _array(layer.gamma)
        beta = _array(layer.beta) if layer.center else np.zeros_like(mean)
        return np.where(scale == 0, beta, (sources[0] - mean) * scale + beta)

    def shrink(
        self, layer: Any, kept: Mask, sources: list[Mask], constants: list[Constants]
    ) -> Shrunken:
        """Cut the statistics and the affine map."""
        names = ["moving_mean", "moving_variance"]
        names += ["gamma"] * layer.scale + ["beta"] * layer.center
        return Shrunken(weights={n: _array(getattr(layer, n))[kept] for n in names})


class NormalizationRule(ColumnwiseRule):
    """`Normalization`: standardizes each column by known statistics."""

    sized = True

    def applies(self, layer: Any, reads: list[Any], returns: Any) -> bool:
        """Columns are what is normalized only if that axis alone is."""
        return tuple(layer.axis) in ((-1,), (len(returns.shape) - 1,))

    def constants(self, layer: Any, sources: list[Constants], width: int) -> Constants:
        """It stands before the first weights, where no column is constant."""
        return np.full_like(sources[0], np.nan)

    def shrink(
        self, layer: Any, kept: Mask, sources: list[Mask], constants: list[Constants]
    ) -> Shrunken:
        """Pass the statistics of the kept columns to the constructor."""
        shape = kept.shape
        mean = np.broadcast_to(_array(layer.mean).reshape(-1), shape)[kept]
        variance = np.broadcast_to(_array(layer.variance).reshape(-1), shape)[kept]
        return Shrunken({"mean": mean.tolist(), "variance": variance.tolist()})


def _array(tensor: Any) -> np.ndarray:
    array: np.ndarray = ops.convert_to_numpy(tensor).astype("float64")
    return array
