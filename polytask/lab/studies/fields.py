"""A table of a study file, read field by field, so that no key goes unread."""

import math
from collections.abc import Mapping
from typing import Any

from polytask.errors import UserError, nearest

REQUIRED = object()


class Fields:
    """Typed, range-checked access to one table; `finish` refuses the unread keys.

    Args:
        values: The table as `tomllib` returns it.
        where: What the table is called in messages, such as
            `'digits.toml, [budget]'`.

    Example:
        >>> fields = Fields({"epochs": 3, "lerning_rate": 0.1}, "[budget]")
        >>> fields.integer("epochs", low=1), fields.number("learning_rate", 0.001)
        (3, 0.001)
        >>> fields.finish()
        Traceback (most recent call last):
            ...
        polytask.errors.UserError: [budget]: unknown key "lerning_rate". Did you \
mean "learning_rate"? Accepted: epochs, learning_rate.
    """

    def __init__(self, values: Any, where: str) -> None:
        if not isinstance(values, Mapping):
            raise UserError(f"{where} must be a table (key = value), found {values!r}.")
        self.values = values
        self.where = where
        self.known: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def raw(self, key: str, default: Any = REQUIRED) -> Any:
        """Return a value unchecked, or `default`.

        Raises:
            UserError: If the key is absent and has no default.
        """
        self.known.append(key)
        if key in self.values:
            return self.values[key]
        if default is REQUIRED:
            raise UserError(f'{self.where}: the key "{key}" is missing.')
        return default

    def number(
        self,
        key: str,
        default: Any = REQUIRED,
        low: float = 0.0,
        below: float = math.inf,
        positive: bool = False,
    ) -> Any:
        """Return a float in [low, below), or (low, below) where `positive`."""
        value = self.raw(key, default)
        if value is default:
            return value
        accepted = f"a number {'above' if positive else 'from'} {low:g}"
        if below < math.inf:
            accepted += f", below {below:g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, value, accepted)
        inside = (low < value if positive else low <= value) and value < below
        if not inside or not math.isfinite(value):
            raise self.error(key, value, accepted)
        return float(value)

    def integer(self, key: str, default: Any = REQUIRED, low: int = 0) -> Any:
        """Return an integer of at least `low`."""
        value = self.raw(key, default)
        if value is default:
            return value
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise self.error(key, value, f"an integer from {low}")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """Return true or false."""
        value = self.raw(key, default)
        if not isinstance(value, bool):
            raise self.error(key, value, "true or false")
        return value

    def text(self, key: str, default: Any = REQUIRED) -> Any:
        """Return a text that is not empty."""
        value = self.raw(key, default)
        if value is default:
            return value
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, value, "a text")
        return value

    def texts(self, key: str, default: Any = REQUIRED) -> Any:
        """Return a tuple of texts without repetition."""
        value = self.raw(key, default)
        if value is default:
            return value
        if (
            not isinstance(value, list | tuple)
            or not all(isinstance(item, str) and item for item in value)
            or len(set(value)) < len(value)
        ):
            raise self.error(key, value, "a list of different texts")
        return tuple(value)

    def integers(self, key: str, default: Any = REQUIRED, low: int = 1) -> Any:
        """Return a tuple of integers of at least `low`."""
        value = self.raw(key, default)
        if value is default:
            return value
        if not isinstance(value, list | tuple) or not all(
            isinstance(item, int) and not isinstance(item, bool) and item >= low
            for item in value
        ):
            raise self.error(key, value, f"a list of integers from {low}")
        return tuple(value)

    def table(self, key: str, default: Any = REQUIRED) -> "Fields":
        """Return a nested table."""
        return Fields(self.raw(key, default), self._nested(key))

    def finish(self) -> None:
        """Refuse the keys that nobody asked for.

        Raises:
            UserError: If there is one; the nearest known key is suggested.
        """
        for key in self.values:
            if key not in self.known:
                raise UserError(
                    f'{self.where}: unknown key "{key}".'
                    f"{nearest(str(key), self.known)} "
                    f"Accepted: {', '.join(sorted(self.known))}."
                )

    def error(self, key: str, value: Any, accepted: str) -> UserError:
        """Return the error that says what `key` accepts."""
        return UserError(f"{self.where}: {key} = {value!r}; accepted is {accepted}.")

    def _nested(self, key: str) -> str:
        if self.where.endswith("]"):
            return f"{self.where[:-1]}.{key}]"
        return f"{self.where}, [{key}]"
