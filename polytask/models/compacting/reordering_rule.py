"""Layers that move columns to other places."""

from typing import Any

import numpy as np

from polytask.models.compacting.column_rule import (
    ColumnRule,
    Constants,
    Mask,
    Shrunken,
)


class FlattenRule(ColumnRule):
    """`Flatten`: the channels repeat, once for every position."""

    sized = False

    def applies(self, layer: Any, reads: list[Any], returns: Any) -> bool:
        """Channels repeat in their order only if they come last."""
        return layer.data_format == "channels_last"

    def constants(self, layer: Any, sources: list[Constants], width: int) -> Constants:
        """A constant channel is constant at every position."""
        return np.tile(sources[0], width // sources[0].size)

    def needs(self, layer: Any, needed: Mask, sources: list[Constants]) -> list[Mask]:
        """A channel is needed if it is at some position."""
        return [np.any(needed.reshape(-1, sources[0].size), axis=0)]

    def kept(self, layer: Any, needed: Mask, sources: list[Mask]) -> Mask:
        """A channel that is kept is kept at every position."""
        return np.tile(sources[0], needed.size // sources[0].size)

    def shrink(
        self, layer: Any, kept: Mask, sources: list[Mask], constants: list[Constants]
    ) -> Shrunken:
        """There is nothing to cut."""
        return Shrunken()


class SelectColumnsRule(ColumnRule):
    """`polytask.layers.SelectColumns`."""

    def constants(self, layer: Any, sources: list[Constants], width: int) -> Constants:
        """A constant column stays constant."""
        return sources[0][list(layer.indices)]

    def needs(self, layer: Any, needed: Mask, sources: list[Constants]) -> list[Mask]:
        """A selected column needs the one it is a copy of."""
        mask = np.zeros(sources[0].shape, bool)
        mask[np.array(layer.indices)[needed]] = True
        return [mask]

    def kept(self, layer: Any, needed: Mask, sources: list[Mask]) -> Mask:
        """The layer selects what is needed and no more."""
        return needed

    def shrink(
        self, layer: Any, kept: Mask, sources: list[Mask], constants: list[Constants]
    ) -> Shrunken:
        """Select the kept columns, by their new numbers."""
        numbers = np.cumsum(sources[0]) - 1
        indices = numbers[np.array(layer.indices)[kept]]
        return Shrunken({"indices": indices.tolist()})
