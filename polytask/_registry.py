"""String identifiers for a family of classes, in the form Keras users know."""

import inspect
from typing import Any, Generic, TypeVar

import keras

from polytask.errors import UserError, nearest

Member = TypeVar("Member")


class Registry(Generic[Member]):
    """The classes of one family: `get`, `serialize` and `deserialize`.

    Args:
        kind: What a member is called in messages, such as `"balancer"`.
        base: The class that every member inherits from.
        classes: Identifier → class.
        aliases: Further identifiers, which messages do not list.
    """

    def __init__(
        self,
        kind: str,
        base: type[Member],
        classes: dict[str, type[Member]],
        aliases: dict[str, type[Member]] | None = None,
    ) -> None:
        self.kind = kind
        self.base = base
        self.classes = classes
        self.aliases = aliases or {}

    def names(self) -> list[str]:
        """Return the identifiers in alphabetical order."""
        return sorted(self.classes)

    def get(self, identifier: Any, **options: Any) -> Member | None:
        """Return an instance for a name, class, instance, configuration or None.

        Args:
            identifier: `None`, a name, a class, an instance, or a Keras
                configuration dictionary.
            **options: Arguments of the constructor, for a name or a class.

        Returns:
            The instance, or None for None.

        Raises:
            UserError: If the identifier is not known; the nearest is suggested.
        """
        if identifier is None or isinstance(identifier, self.base):
            return identifier
        if isinstance(identifier, dict):
            return self.deserialize(identifier)
        if inspect.isclass(identifier) and issubclass(identifier, self.base):
            return identifier(**options)
        if isinstance(identifier, str):
            return self.named(identifier)(**options)
        raise UserError(
            f"Could not interpret {self.kind} identifier: {identifier!r}. Pass a "
            f"name ({', '.join(self.names())}), a {self.base.__name__} or None."
        )

    def named(self, name: str) -> type[Member]:
        """Return the class called `name`.

        Args:
            name: An identifier; case is ignored.

        Returns:
            The class.

        Raises:
            UserError: If there is no such class; the nearest is suggested.
        """
        key = name.lower()
        cls = self.classes.get(key) or self.aliases.get(key)
        if cls is None:
            raise UserError(
                f'Unknown {self.kind} "{name}".{nearest(name, self.classes)} '
                f"Known: {', '.join(self.names())}."
            )
        return cls

    def serialize(self, member: Member) -> dict[str, Any]:
        """Return the Keras configuration of `member`."""
        config: dict[str, Any] = keras.saving.serialize_keras_object(member)
        return config

    def deserialize(self, config: dict[str, Any]) -> Member:
        """Return the member that `serialize` described.

        Raises:
            UserError: If the configuration describes something else.
        """
        member = keras.saving.deserialize_keras_object(config)
        if not isinstance(member, self.base):
            raise UserError(
                f"Expected the configuration of a {self.kind}, found that of "
                f"{type(member).__name__}."
            )
        return member
