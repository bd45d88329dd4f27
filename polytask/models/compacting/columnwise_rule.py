"""Layers that map every column to the column of the same number."""

from collections.abc import Callable
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


class ColumnwiseRule(ColumnRule):
    """Layers without parameters that leave a constant as it is: dropout, pooling.

    Args:
        padded: Whether `padding="same"` changes a constant at the border.
    """

    sized = False

    def __init__(self, padded: bool = False) -> None:
        self.padded = padded

    def applies(self, layer: Any, reads: list[Any], returns: Any) -> bool:
        """Columns are the channels only if those come last."""
        last = getattr(layer, "data_format", "channels_last") == "channels_last"
        return last and reads[0].shape[-1] == returns.shape[-1]

    def constants(self, layer: Any, sources: list[Constants], width: int) -> Constants:
        """A constant stays what it is."""
        if self.padded and getattr(layer, "padding", "valid") != "valid":
            return np.full_like(sources[0], np.nan)
        return sources[0]

    def needs(self, layer: Any, needed: Mask, sources: list[Constants]) -> list[Mask]:
        """A column needs itself."""
        return [needed for _ in sources]

    def kept(self, layer: Any, needed: Mask, sources: list[Mask]) -> Mask:
        """What comes in goes out."""
        return sources[0]

    def shrink(
        self, layer: Any, kept: Mask, sources: list[Mask], constants: list[Constants]
    ) -> Shrunken:
        """There is nothing to cut."""
        return Shrunken()


class ActivationRule(ColumnwiseRule):
    """Activation layers."""

    def applies(self, layer: Any, reads: list[Any], returns: Any) -> bool:
        """A function that mixes columns, such as softmax, is a barrier."""
        return is_elementwise(getattr(layer, "activation", None))

    def constants(self, layer: Any, sources: list[Constants], width: int) -> Constants:
        """A constant goes through the function."""
        function: Callable[[Any], Any] = layer
        return on_constants(function, sources[0])


class PReLURule(ColumnwiseRule):
    """`PReLU`: a slope for each column, and possibly for each position."""

    sized = True

    def constants(self, layer: Any, sources: list[Constants], width: int) -> Constants:
        """Slopes may differ between the positions of one column."""
        return np.where(sources[0] == 0, 0.0, np.nan)

    def shrink(
        self, layer: Any, kept: Mask, sources: list[Mask], constants: list[Constants]
    ) -> Shrunken:
        """Cut the slopes."""
        return Shrunken(weights={"alpha": ops.convert_to_numpy(layer.alpha)[..., kept]})


class ColumnGroupDropoutRule(ColumnwiseRule):
    """`ColumnGroupDropout`: the identity at inference, with the numbers of columns."""

    sized = True

    def shrink(
        self, layer: Any, kept: Mask, sources: list[Mask], constants: list[Constants]
    ) -> Shrunken:
        """Renumber the columns; a feature without any is no feature."""
        number = np.cumsum(kept) - 1
        groups = [[int(number[c]) for c in g if kept[c]] for g in layer.groups]
        missing = layer.missing
        if isinstance(missing, list):
            missing = [
                value for value, stays in zip(missing, kept, strict=True) if stays
            ]
        return Shrunken({"groups": [g for g in groups if g], "missing": missing})
