"""Checks of the numbers and names that a user hands to a class."""

import math
import numbers
from typing import Any

import keras

from polytask.errors import UserError
from polytask.knob import Knob
from polytask.knob import from_config as knob_from_config


def checked_number(
    value: Any,
    name: str,
    owner: str,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a float inside its range.

    Args:
        value: What the user passed.
        name: The argument's name, for the message.
        owner: The class's name, for the message.
        at_least: Smallest accepted value.
        above: Value that must be exceeded.
        at_most: Largest accepted value.
        below: Value that must not be reached.

    Returns:
        The number.

    Raises:
        UserError: If it is no finite number or outside the range.
    """
    accepted = "a finite number"
    if at_least is not None:
        accepted += f", at least {at_least:g}"
    if above is not None:
        accepted += f", above {above:g}"
    if at_most is not None:
        accepted += f", at most {at_most:g}"
    if below is not None:
        accepted += f", below {below:g}"
    # bool is a number to Python, but `L1(True)` is a mistake.
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise UserError(f"{owner}: {name} must be {accepted}; found {value!r}.")
    number = float(value)
    inside = (
        math.isfinite(number)
        and (at_least is None or number >= at_least)
        and (above is None or number > above)
        and (at_most is None or number <= at_most)
        and (below is None or number < below)
    )
    if not inside:
        raise UserError(f"{owner}: {name} must be {accepted}; found {number:g}.")
    return number


def checked_strength(
    value: Any, owner: str, name: str = "strength", above: float | None = None
) -> Any:
    """Return a regularization strength: finite, at least 0.

    Args:
        value: What the user passed, or what stands for a knob in a configuration.
        owner: The class's name, for the message.
        name: The argument's name, for the message.
        above: Value that must be exceeded, in place of at least 0.

    Returns:
        The strength: a float, or the `polytask.Knob` that was passed.

    Raises:
        UserError: If it is negative, NaN, infinite or no number.
    """
    least = 0.0 if above is None else None
    return checked_knob(value, name, owner, at_least=least, above=above)


def checked_knob(value: Any, name: str, owner: str, **limits: float | None) -> Any:
    """Return `value` as a float inside its range, or the knob that it is.

    Args:
        value: What the user passed, or what stands for a knob in a configuration.
        name: The argument's name, for the message.
        owner: The class's name, for the message.
        **limits: The range, as for `checked_number`.

    Returns:
        A float or a `polytask.Knob`.

    Raises:
        UserError: If it is no finite number or outside the range, or another variable.
    """
    value = knob_from_config(value)
    if isinstance(value, Knob):
        checked_number(float(value), name, owner, **limits)
        return value
    if isinstance(value, keras.Variable):
        raise UserError(
            f"{owner}: {name} must be a number or a polytask.Knob, the variable that "
            f"files can hold; found {value!r}."
        )
    return checked_number(value, name, owner, **limits)


def checked_count(value: Any, name: str, owner: str, at_least: int = 1) -> int:
    """Return `value` as an integer of at least `at_least`.

    Args:
        value: What the user passed.
        name: The argument's name, for the message.
        owner: The class's name, for the message.
        at_least: Smallest accepted value.

    Returns:
        The integer.

    Raises:
        UserError: If it is no integer or too small.
    """
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or int(value) < at_least:
        raise UserError(
            f"{owner}: {name} must be an integer, at least {at_least}; found {value!r}."
        )
    return int(value)
