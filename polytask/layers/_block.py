"""A stack of layers, as experts and encoders are."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras

from polytask.errors import UserError

Make = Callable[[], Callable[[Any], Any]]


class Block:
    """Layers called one after the other.

    Args:
        layers: The layers, or other functions of tensors.
    """

    def __init__(self, layers: Iterable[Callable[[Any], Any]]) -> None:
        self.layers = list(layers)

    def __call__(self, inputs: Any) -> Any:
        """Return the last layer's output."""
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs


def make_block(
    owner: str,
    units: Iterable[int],
    activation: Any,
    make: Make | None,
    name: str | None,
) -> Callable[[Any], Any]:
    """Return new dense layers, or whatever `make` returns.

    Args:
        owner: The architecture, for messages.
        units: Widths of the dense layers.
        activation: Their activation.
        make: A function without arguments that returns a new layer, instead.
        name: Prefix of the dense layers' names, or None.

    Raises:
        UserError: If there are no units, one is below 1, or `make` returns nothing
            that can be called.
    """
    if make is not None:
        made = make()
        if not callable(made):
            raise UserError(
                f"{owner}: make must return a new layer; it returned {made!r}."
            )
        return made
    widths = [units] if isinstance(units, int) else list(units)
    if not widths or any(
        isinstance(w, bool) or not isinstance(w, int) or w < 1 for w in widths
    ):
        raise UserError(
            f"{owner}: units must be widths from 1, at least one; found {units!r}."
        )
    return Block(
        keras.layers.Dense(width, activation, name=name and f"{name}_{i}")
        for i, width in enumerate(widths)
    )


def make_levels(
    owner: str,
    units: Sequence[int],
    activation: Any,
    make: Sequence[Make] | None,
    name: str | None,
) -> list[Callable[[Any], Any]]:
    """Return one new block for each level; arguments as for `make_block`.

    Args:
        owner: The architecture, for messages.
        units: A width for each level.
        activation: The activation of the dense layers.
        make: A function for each level, instead.
        name: Prefix of the layers' names, or None.

    Raises:
        UserError: As `make_block`, and if there is no level.
    """
    levels = units if make is None else make
    if not isinstance(levels, Sequence) or not len(levels):
        raise UserError(
            f"{owner}: {'units' if make is None else 'make'} must have an entry for "
            f"each level, at least one; found {levels!r}."
        )
    return [
        make_block(
            owner,
            (units[level],) if make is None else (),
            activation,
            None if make is None else make[level],
            name and f"{name}_{level}",
        )
        for level in range(len(levels))
    ]
