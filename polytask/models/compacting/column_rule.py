"""What every kind of layer must say about its columns."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# A mask has one boolean for each column, that is, entry of the last axis. A tensor of
# constants has one float64 for each column, NaN where the column varies with the input.
Mask = np.ndarray
Constants = np.ndarray


@dataclass(frozen=True)
class Shrunken:
    """A layer with fewer columns.

    Attributes:
        config: What differs in the layer's configuration.
        weights: Attribute of the layer → its new value.
    """

    config: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)


class ColumnRule(ABC):
    """How one kind of layer treats columns at inference.

    A layer that no rule applies to is a barrier: it needs all columns of what it
    reads, and all columns it returns are kept.

    Attributes:
        sized: Whether the layer has parameters that fit one set of columns, so that it
            cannot be called on two.
    """

    sized = True

    def applies(self, layer: Any, reads: list[Any], returns: Any) -> bool:
        """Return whether the rule holds for the layer as it is configured.

        Args:
            layer: The layer.
            reads: The symbolic tensors it reads.
            returns: The symbolic tensor it returns.
        """
        return True

    @abstractmethod
    def constants(self, layer: Any, sources: list[Constants], width: int) -> Constants:
        """Return which columns do not depend on the input, and their values.

        Args:
            layer: The layer.
            sources: The constants of each tensor it reads.
            width: Number of columns it returns.
        """

    @abstractmethod
    def needs(self, layer: Any, needed: Mask, sources: list[Constants]) -> list[Mask]:
        """Return which columns of each source the needed columns are computed from."""

    @abstractmethod
    def kept(self, layer: Any, needed: Mask, sources: list[Mask]) -> Mask:
        """Return which columns the layer returns when its sources have only some."""

    @abstractmethod
    def shrink(
        self, layer: Any, kept: Mask, sources: list[Mask], constants: list[Constants]
    ) -> Shrunken:
        """Return the layer that reads and returns the kept columns only.

        Args:
            layer: The layer.
            kept: The columns it returns.
            sources: The columns that are left of what it reads.
            constants: The constants among all columns of what it read.
        """
