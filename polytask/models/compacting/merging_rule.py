"""Layers that put several tensors together."""

from typing import Any

import keras
import numpy as np
from keras import ops

from polytask.models.compacting.column_rule import (
    ColumnRule,
    Constants,
    Mask,
    Shrunken,
)


class ElementwiseMergeRule(ColumnRule):
    """`Add` and its kin: column by column, over tensors with the same columns."""

    sized = False

    def applies(self, layer: Any, reads: list[Any], returns: Any) -> bool:
        """Broadcast columns have no partner of their own."""
        return all(tensor.shape[-1] == returns.shape[-1] for tensor in reads)

    def constants(self, layer: Any, sources: list[Constants], width: int) -> Constants:
        """A column is constant if it is in every source; zero makes a product zero."""
        known = ~np.any(np.isnan(sources), axis=0)
        result = np.full(known.shape, np.nan)
        if known.any():
            dtype = keras.config.floatx()
            tensors = [
                ops.convert_to_tensor(source[known][None].astype(dtype))
                for source in sources
            ]
            result[known] = ops.convert_to_numpy(layer(tensors))[0]
        if isinstance(layer, keras.layers.Multiply):
            result[np.any(np.equal(sources, 0.0), axis=0)] = 0.0
        return result

    def needs(self, layer: Any, needed: Mask, sources: list[Constants]) -> list[Mask]:
        """A column needs the same one of every source."""
        return [needed for _ in sources]

    def kept(self, layer: Any, needed: Mask, sources: list[Mask]) -> Mask:
        """What is kept of any source; `keep_columns` makes all the same."""
        return np.any(sources, axis=0)

    def shrink(
        self, layer: Any, kept: Mask, sources: list[Mask], constants: list[Constants]
    ) -> Shrunken:
        """There is nothing to cut."""
        return Shrunken()


class ConcatenateRule(ColumnRule):
    """`Concatenate` along the columns."""

    sized = False

    def applies(self, layer: Any, reads: list[Any], returns: Any) -> bool:
        """Along another axis the sources would need the same columns."""
        return layer.axis in (-1, len(returns.shape) - 1)

    def constants(self, layer: Any, sources: list[Constants], width: int) -> Constants:
        """The sources' constants, side by side."""
        return np.concatenate(sources)

    def needs(self, layer: Any, needed: Mask, sources: list[Constants]) -> list[Mask]:
        """Each source's part of what is needed."""
        ends = np.cumsum([source.size for source in sources])[:-1]
        return np.split(needed, ends)

    def kept(self, layer: Any, needed: Mask, sources: list[Mask]) -> Mask:
        """The sources' columns, side by side."""
        return np.concatenate(sources)

    def shrink(
        self, layer: Any, kept: Mask, sources: list[Mask], constants: list[Constants]
    ) -> Shrunken:
        """There is nothing to cut; the caller leaves out a source without columns."""
        return Shrunken()
