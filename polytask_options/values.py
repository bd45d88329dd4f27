"""What options accept: each kind reads a value of a study file, or a flag's text.

The kinds of tables are in `polytask_options.table_values`.
"""

import math
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from polytask_options.place import Place


class Kind(ABC):
    """What an option accepts; a kind of single values needs `accepts` alone.

    Attributes:
        metavar: What stands for the value in a flag's help.
    """

    metavar = "X"

    @property
    @abstractmethod
    def accepted(self) -> str:
        """What is accepted, in words for messages."""

    def accepts(self, value: Any) -> bool:
        """Return whether a value is accepted.

        Args:
            value: As `tomllib` gives it.
        """
        raise NotImplementedError

    def kept(self, value: Any) -> Any:
        """Return an accepted value in the form in which it is kept."""
        return value

    def read(self, value: Any, key: str, place: Place) -> Any:
        """Return a value as it is kept.

        Args:
            value: As `tomllib` gives it.
            key: The option.
            place: Where it was written.

        Raises:
            UserError: If it is not accepted.
        """
        if not self.accepts(value):
            raise place.refused(key, value, self.accepted)
        return self.kept(value)

    def from_text(self, text: str) -> Any:
        """Return what a flag's text stands for, as a study file would say it."""
        return text


@dataclass(frozen=True)
class Number(Kind):
    """A finite number in [low, below), or in (low, below) where `positive`."""

    low: float = 0.0
    below: float = math.inf
    positive: bool = False

    @property
    def accepted(self) -> str:
        """The range."""
        text = f"a number {'above' if self.positive else 'from'} {self.low:g}"
        return text if self.below == math.inf else f"{text}, below {self.below:g}"

    def accepts(self, value: Any) -> bool:
        """Return whether it lies in the range."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        above = self.low < value if self.positive else self.low <= value
        return above and value < self.below and abs(value) <= sys.float_info.max

    def kept(self, value: Any) -> float:
        """Return a float."""
        return float(value)

    def from_text(self, text: str) -> Any:
        """Return the number, or the text where it is none."""
        try:
            return float(text)
        except ValueError:
            return text


@dataclass(frozen=True)
class Integer(Kind):
    """An integer of at least `low`, and at most `high`."""

    low: int = 0
    high: float = math.inf
    metavar = "N"

    @property
    def accepted(self) -> str:
        """The range."""
        text = f"an integer from {self.low}"
        return text if self.high == math.inf else f"{text} to {self.high}"

    def accepts(self, value: Any) -> bool:
        """Return whether it lies in the range."""
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        return is_integer and self.low <= value <= self.high

    def from_text(self, text: str) -> Any:
        """Return the integer, or the text where it is none."""
        try:
            return int(text)
        except ValueError:
            return text


@dataclass(frozen=True)
class Switch(Kind):
    """True or false; on the command line a flag without a value."""

    accepted = "true or false"

    def accepts(self, value: Any) -> bool:
        """Return whether it is a bool."""
        return isinstance(value, bool)


@dataclass(frozen=True)
class Text(Kind):
    """A text that is not empty."""

    accepted = "a text"
    metavar = "TEXT"

    def accepts(self, value: Any) -> bool:
        """Return whether it has a character that is no space."""
        return isinstance(value, str) and bool(value.strip())


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few words."""

    words: tuple[str, ...]
    metavar = "NAME"

    @property
    def accepted(self) -> str:
        """The words."""
        return f"one of {', '.join(self.words)}"

    def accepts(self, value: Any) -> bool:
        """Return whether it is one of the words."""
        return isinstance(value, str) and value in self.words

    def read(self, value: Any, key: str, place: Place) -> Any:
        """Return the word; where it is none, the nearest is suggested."""
        if not self.accepts(value):
            raise place.refused(key, value, self.accepted, self.words)
        return value


@dataclass(frozen=True)
class Texts(Kind):
    """Different texts; on the command line separated by commas."""

    accepted = "a list of different texts"
    metavar = "A,B"

    def accepts(self, value: Any) -> bool:
        """Return whether all are texts and different."""
        return (
            isinstance(value, list | tuple)
            and all(isinstance(item, str) and item for item in value)
            and len(set(value)) == len(value)
        )

    def kept(self, value: Any) -> tuple[str, ...]:
        """Return a tuple."""
        return tuple(value)

    def from_text(self, text: str) -> list[str]:
        """Return the parts between commas."""
        return [part.strip() for part in text.split(",")]


class TaskNames(Texts):
    """Names of tasks of the data; on the command line separated by commas."""


@dataclass(frozen=True)
class Choices(Kind):
    """Different ones of a few words, or none."""

    words: tuple[str, ...]
    metavar = "A,B"

    @property
    def accepted(self) -> str:
        """The words."""
        return f"a list of different ones of {', '.join(self.words)}"

    def read(self, value: Any, key: str, place: Place) -> tuple[str, ...]:
        """Return the words; where one is none of them, the nearest is suggested."""
        if not Texts().accepts(value):
            raise place.refused(key, value, self.accepted)
        for word in value:
            if word not in self.words:
                raise place.refused(key, word, self.accepted, self.words)
        return tuple(value)

    def from_text(self, text: str) -> list[str]:
        """Return the parts between commas."""
        return [part.strip() for part in text.split(",") if part.strip()]


@dataclass(frozen=True)
class Widths(Kind):
    """Widths of layers, at least `least` of them."""

    least: int = 0
    metavar = "N,N"

    @property
    def accepted(self) -> str:
        """The widths."""
        text = "widths from 1, such as 128, 64"
        return f"at least one shared layer, by {text}" if self.least else text

    def accepts(self, value: Any) -> bool:
        """Return whether all are widths, and enough."""
        return (
            isinstance(value, list | tuple)
            and all(map(Integer(1).accepts, value))
            and len(value) >= self.least
        )

    def kept(self, value: Any) -> tuple[int, ...]:
        """Return a tuple."""
        return tuple(value)

    def from_text(self, text: str) -> list[Any]:
        """Return the integers between commas; no text is no layer."""
        return [Integer().from_text(part) for part in text.split(",") if part.strip()]


@dataclass(frozen=True)
class Seeds(Kind):
    """How many seeds, or which."""

    accepted = "a number of seeds from 1, or a list of different integers from 0"
    metavar = "N"

    def accepts(self, value: Any) -> bool:
        """Return whether it is a number from 1, or different seeds."""
        if not isinstance(value, list | tuple):
            return Integer(1).accepts(value)
        distinct = all(map(Integer().accepts, value)) and len(set(value)) == len(value)
        return distinct and bool(value)

    def kept(self, value: Any) -> tuple[int, ...]:
        """Return the seeds."""
        return tuple(range(value)) if isinstance(value, int) else tuple(value)


@dataclass(frozen=True)
class Activation(Kind):
    """The name of a Keras activation."""

    accepted = "a Keras activation, such as relu, gelu or tanh"
    metavar = "NAME"

    def read(self, value: Any, key: str, place: Place) -> Any:
        """Return the name."""
        if not isinstance(value, str) or not place.knows_activation(value):
            raise place.refused(key, value, self.accepted)
        return value
