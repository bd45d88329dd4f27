"""What a kind of value asks of the table that it is read from."""

from collections.abc import Iterable
from typing import Any, Protocol


class Place(Protocol):
    """A table of a study file, or the flags in place of one, as messages call it.

    `polytask.lab.studies.reading.Place` is one; here it is only described, as nothing
    of polytask is imported.
    """

    def inside(self, key: str) -> "Place":
        """Return the table under a key."""

    def table(self, values: Any) -> dict[str, Any]:
        """Return values that must be a table as a dict."""

    def error(self, text: str) -> Exception:
        """Return an error that says where."""

    def refused(
        self, key: str, value: Any, accepted: str, words: Iterable[str] = ()
    ) -> Exception:
        """Return the error of a value that is not accepted."""

    def refuse_unknown(self, values: Iterable[str], known: Iterable[str]) -> None:
        """Refuse keys that are none of those known."""

    def looked_up(
        self, family: str, key: str, options: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Return the options of a member of a family of polytask, checked by it."""

    def knows_activation(self, name: str) -> bool:
        """Return whether Keras has an activation of this name."""
