"""What options accept that are tables, or may be: by key, by name and options."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polytask_options.place import Place
from polytask_options.values import Kind


@dataclass(frozen=True)
class Pairs(Kind):
    """A table with any keys; kept as pairs, in its order."""

    kind: Kind
    accepted = "a table (key = value)"
    metavar = "{...}"

    def accepts(self, value: Any) -> bool:
        """Return whether it is a table."""
        return isinstance(value, Mapping)

    def read(self, value: Any, key: str, place: Place) -> tuple[tuple[str, Any], ...]:
        """Return pairs of key and value."""
        table, inner = super().read(value, key, place), place.inside(key)
        return tuple((k, self.kind.read(one, k, inner)) for k, one in table.items())


@dataclass(frozen=True)
class Each(Kind):
    """One value for all, or a table with a value each, such as `{ trunk = 0.1 }`.

    Args:
        kind: Of a value, which is a single one.
        keys: What the table may name; None for anything, such as the tasks, whose names
            are compared with the data before anything is trained.
        absent: What a key stands at that the table leaves out, where `keys` are known.
    """

    kind: Kind
    keys: tuple[str, ...] | None = None
    absent: Any = 0.0

    @property
    def accepted(self) -> str:
        """What one value may be."""
        return f"{self.kind.accepted}, or a table of them"

    def read(self, value: Any, key: str, place: Place) -> Any:
        """Return the value, or a dict."""
        if not isinstance(value, Mapping):
            if not self.kind.accepts(value):
                raise place.refused(key, value, self.accepted)
            return self.kind.kept(value)
        inner = place.inside(key)
        if self.keys is not None:
            inner.refuse_unknown(value, self.keys)
            value = {name: value.get(name, self.absent) for name in self.keys}
        return {name: self.kind.read(one, name, inner) for name, one in value.items()}

    def from_text(self, text: str) -> Any:
        """Return a table, or one value."""
        return _table(text) or self.kind.from_text(text)


@dataclass(frozen=True)
class Table(Kind):
    """A table with a value of a kind of its own for each key.

    Args:
        kinds: Key → what it accepts.
        defaults: Values of the keys that may be left out.
        main: The key that a plain value stands for; "" where a table is needed.
        make: The values as keywords → what is kept.
    """

    kinds: Mapping[str, Kind]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    main: str = ""
    make: Any = dict
    metavar = "{...}"

    @property
    def accepted(self) -> str:
        """The keys."""
        table = f"a table of {', '.join(self.kinds)}"
        return f"{self.kinds[self.main].accepted}, or {table}" if self.main else table

    def read(self, value: Any, key: str, place: Place) -> Any:
        """Return what `make` makes of the values."""
        if not isinstance(value, Mapping):
            if not self.main or not self.kinds[self.main].accepts(value):
                raise place.refused(key, value, self.accepted)
            value = {self.main: value}
        inner = place.inside(key)
        inner.refuse_unknown(value, self.kinds)
        whole = {**self.defaults, **value}
        for name in self.kinds:
            if name not in whole:
                raise inner.error(f'the key "{name}" is missing.')
        return self.make(
            **{n: kind.read(whole[n], n, inner) for n, kind in self.kinds.items()}
        )

    def from_text(self, text: str) -> Any:
        """Return a table, or the value of the main key."""
        plain = self.kinds[self.main].from_text(text) if self.main else text
        return _table(text) or plain


@dataclass(frozen=True)
class Named(Kind):
    """A member of a family by its name, or by name and options.

    Args:
        family: One of those in `polytask.lab.studies.families`.
    """

    family: str
    accepted = 'a name or { name = "...", ... }'
    metavar = "NAME"

    def read(self, value: Any, key: str, place: Place) -> Any:
        """Return name and options as a dict; None for the default of the family."""
        options = {"name": value} if isinstance(value, str) else value
        if not isinstance(options, Mapping) or not isinstance(options.get("name"), str):
            raise place.refused(key, value, self.accepted)
        return place.looked_up(self.family, key, dict(options))

    def from_text(self, text: str) -> Any:
        """Return name and options where the text is a table, else the name."""
        return _table(text) or text


def _table(text: str) -> dict[str, Any]:
    """Return the table that a flag's text is, empty if it is none."""
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
