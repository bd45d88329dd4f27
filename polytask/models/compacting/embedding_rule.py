"""Embeddings: every output column is a column of the table."""

from typing import Any

import numpy as np
from keras import ops

from polytask.models.compacting.column_rule import (
    ColumnRule,
    Constants,
    Mask,
    Shrunken,
)


class EmbeddingRule(ColumnRule):
    """`Embedding`: a dimension that all ids share the value of is a constant.

    The ids themselves are needed whole; only dimensions can be left out.
    """

    def applies(self, layer: Any, reads: list[Any], returns: Any) -> bool:
        """A quantized or LoRA table is no plain look-up."""
        plain = getattr(layer, "quantization_mode", None) is None
        return plain and not getattr(layer, "lora_enabled", False)

    def constants(self, layer: Any, sources: list[Constants], width: int) -> Constants:
        """Return the value of the columns in which all rows agree."""
        table = _table(layer).astype("float64")
        return np.where(np.all(table == table[:1], axis=0), table[0], np.nan)

    def needs(self, layer: Any, needed: Mask, sources: list[Constants]) -> list[Mask]:
        """Any dimension needs every id."""
        return [np.full(sources[0].shape, needed.any())]

    def kept(self, layer: Any, needed: Mask, sources: list[Mask]) -> Mask:
        """The layer returns what is needed and no more."""
        return needed

    def shrink(
        self, layer: Any, kept: Mask, sources: list[Mask], constants: list[Constants]
    ) -> Shrunken:
        """Cut the table."""
        config = {"output_dim": int(kept.sum())}
        return Shrunken(config, {"embeddings": _table(layer)[:, kept]})


class FrequencyAwareL2Rule(ColumnRule):
    """`FrequencyAwareL2`: at inference it returns its second argument."""

    sized = False

    def constants(self, layer: Any, sources: list[Constants], width: int) -> Constants:
        """A constant stays what it is."""
        return sources[1]

    def needs(self, layer: Any, needed: Mask, sources: list[Constants]) -> list[Mask]:
        """A column needs itself, and the layer its ids."""
        return [np.full(sources[0].shape, needed.any()), needed]

    def kept(self, layer: Any, needed: Mask, sources: list[Mask]) -> Mask:
        """What comes in goes out."""
        return sources[1]

    def shrink(
        self, layer: Any, kept: Mask, sources: list[Mask], constants: list[Constants]
    ) -> Shrunken:
        """There is nothing to cut."""
        return Shrunken()


def _table(layer: Any) -> np.ndarray:
    table: np.ndarray = ops.convert_to_numpy(layer.embeddings)
    return table
