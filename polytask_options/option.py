"""How a field of a dataclass is declared as an option."""

from dataclasses import dataclass, field, fields
from typing import Any

from polytask_options.ranges import Domain
from polytask_options.values import Kind


@dataclass(frozen=True)
class Sole:
    """What only one of several options may do.

    Args:
        what: Such as `"penalize every kernel"`.
        hint: Said beside it.
    """

    what: str
    hint: str = ""


@dataclass(frozen=True)
class Option:
    """What is declared of a field.

    Args:
        kind: What it accepts.
        help: What it does, in one line; default and range need not be said.
        couples: Whether it acts between tasks only, so that the network of one task
            alone is the same without it.
        sole: What it does and no other option may do beside it.
        part: Which kind of data source it belongs to; "" for both.
        shorthand: A flag that sets this option and others at once, without its dashes.
        flag: Whether `polytask fit` has a flag for it.
        later: Whether studies were stored before it was declared; its default is then
            no part of what identifies a study.
        search: What a search tries where the study file does not say it; None where
            there is no usual range.
    """

    kind: Kind
    help: str
    couples: bool = False
    sole: Sole | None = None
    part: str = ""
    shorthand: str = ""
    flag: bool = True
    later: bool = False
    search: Domain | None = None


def option(default: Any, kind: Kind, text: str, **rules: Any) -> Any:
    """Declare a field of a dataclass; see `Option` for the arguments."""
    return field(default=default, metadata={"option": Option(kind, text, **rules)})


def options(declared: Any) -> dict[str, Option]:
    """Return field → declaration of a class such as `Settings`."""
    return {f.name: f.metadata["option"] for f in fields(declared)}


def identity(declared: Any) -> dict[str, Any]:
    """Return what identifies the options of an instance, whenever it was stored."""
    kept = changed(declared)
    return {
        name: getattr(declared, name)
        for name, one in options(declared).items()
        if name in kept or not one.later
    }


def changed(declared: Any) -> dict[str, Any]:
    """Return the options of an instance that differ from the default, for JSON."""
    values = {f.name: getattr(declared, f.name) for f in fields(declared)}
    defaults = {f.name: f.default for f in fields(declared)}
    return {
        name: value._asdict() if hasattr(value, "_asdict") else value
        for name, value in values.items()
        if value != defaults[name]
    }
