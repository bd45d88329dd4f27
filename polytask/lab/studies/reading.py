"""From the tables of a study file, or from flags, to declared options."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from polytask.errors import UserError, nearest
from polytask_options import Sole, options
from polytask_options.table_values import Each
from polytask_options.values import TaskNames

T = TypeVar("T")


def read(
    declared: T,
    values: Any,
    place: "Place",
    part: str = "",
    beside: Iterable[str] = (),
) -> T:
    """Return declared options with the values of a table.

    Args:
        declared: What holds where the table says nothing, such as `Settings()`.
        values: The table as `tomllib` returns it.
        place: Where it stands.
        part: Only the options of this part, see `polytask_options.Option`.
        beside: Keys of the table that the caller reads.

    Returns:
        A copy of `declared` with the values.

    Raises:
        UserError: If a key is unknown, a value is not accepted, or two options exclude
            each other.

    Example:
        >>> from polytask_options import Budget
        >>> place = Place("s.toml, [budget]")
        >>> read(Budget(), {"epochs": 3}, place).epochs
        3
        >>> read(Budget(), {"epochs": "many"}, place)
        Traceback (most recent call last):
            ...
        polytask.errors.UserError: s.toml, [budget]: epochs = 'many'; accepted is an \
integer from 1.
    """
    table = place.table(values)
    known = {n: o for n, o in options(declared).items() if o.part in ("", part)}
    changes = {
        name: option.kind.read(table[name], name, place)
        for name, option in known.items()
        if name in table
    }
    place.refuse_unknown(table, [*known, *beside])
    whole: T = replace(declared, **changes)  # type: ignore[type-var]
    _refuse_two(whole, place)
    return whole


def _refuse_two(whole: Any, place: "Place") -> None:
    """Refuse options of which only one may act."""
    used: dict[Sole, list[str]] = {}
    for name, option in options(whole).items():
        if option.sole is not None and getattr(whole, name):
            used.setdefault(option.sole, []).append(place.name(name))
    for sole, names in used.items():
        if len(names) > 1:
            raise place.error(
                f"{' and '.join(names)} both {sole.what}; give one of them{sole.hint}."
            )


def refuse_unknown_tasks(declared: Any, tasks: Iterable[str]) -> None:
    """Refuse options with a value for a task that the data do not have.

    Args:
        declared: Such as the settings of a variant.
        tasks: Names of the tasks.

    Raises:
        UserError: Naming the option and the task; the nearest is suggested.
    """
    names = list(tasks)
    for name, option in options(declared).items():
        value = getattr(declared, name)
        by_task = isinstance(option.kind, Each) and option.kind.keys is None
        named = isinstance(option.kind, TaskNames)
        if named or (by_task and isinstance(value, Mapping)):
            Place(name).refuse_unknown(value, names)


class Place:
    """A table of a study file, as messages call it.

    Args:
        where: Such as `"digits.toml, [budget]"`.
    """

    def __init__(self, where: str) -> None:
        self.where = where

    def name(self, key: str) -> str:
        """Return how the user wrote an option."""
        return key

    def table(self, values: Any) -> dict[str, Any]:
        """Return the table, refused if it is something else."""
        if not isinstance(values, Mapping):
            raise self.error(f"must be a table (key = value), found {values!r}.")
        return dict(values)

    def inside(self, key: str) -> "Place":
        """Return the place of a table in this one."""
        if self.where.endswith("]"):
            return Place(f"{self.where[:-1]}.{key}]")
        return Place(f"{self.where}, [{key}]")

    def error(self, text: str) -> UserError:
        """Return the error that says something of this place."""
        return UserError(f"{self.where}: {text}")

    def refused(
        self, key: str, value: Any, accepted: str, words: Iterable[str] = ()
    ) -> UserError:
        """Return the error that says what was found and what is accepted."""
        hint = nearest(str(value), words)
        return self.error(f"{key} = {value!r}; accepted is {accepted}.{hint}")

    def refuse_unknown(self, values: Iterable[str], known: Iterable[str]) -> None:
        """Raise the error of the first unknown key; the nearest is suggested."""
        accepted = sorted(set(known))
        for key in values:
            if key not in accepted:
                raise self.error(
                    f'unknown key "{key}".{nearest(str(key), accepted)} '
                    f"Accepted: {', '.join(accepted)}."
                )

    def looked_up(
        self, family: str, key: str, options: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Return name and options of a family's member, checked by making one."""
        # Heavy families are imported when a name has to be checked.
        from polytask.lab.studies.families import FAMILIES

        try:
            return FAMILIES[family](options)
        except UserError as error:
            raise self.error(f"{self.name(key)}: {error}") from error
        except (TypeError, ValueError) as error:
            shown = json.dumps(options, default=str)
            raise self.error(
                f"{self.name(key)} = {shown} is not accepted: {error}."
            ) from error

    def knows_activation(self, name: str) -> bool:
        """Return whether Keras has an activation of this name."""
        import keras

        try:
            keras.activations.get(name)
        except ValueError:
            return False
        return True


class CommandLine(Place):
    """Flags in place of a table.

    Args:
        flags: Option → the flag and its text, as the user typed them.
    """

    def __init__(self, flags: Mapping[str, tuple[str, str]]) -> None:
        super().__init__("")
        self.flags = flags

    def name(self, key: str) -> str:
        """Return the flag that the user typed."""
        return self.flags[key][0] if key in self.flags else key

    def inside(self, key: str) -> Place:
        """Return the place of a table that a flag gave."""
        return Place(self.name(key))

    def error(self, text: str) -> UserError:
        """Return the error alone; it names a flag."""
        return UserError(text)

    def refused(
        self, key: str, value: Any, accepted: str, words: Iterable[str] = ()
    ) -> UserError:
        """Return the error that says what was typed and what is accepted."""
        flag, text = self.flags.get(key, (key, str(value)))
        typed = repr(text) if isinstance(value, str | list) else text
        hint = nearest(text, words)
        return UserError(f"{flag} {typed}; accepted is {accepted}.{hint}")
