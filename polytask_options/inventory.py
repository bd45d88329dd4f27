"""The techniques of regularization, where each is and how a study names it.

The table itself is `inventory.toml`.
"""

import tomllib
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Technique:
    """One technique.

    Args:
        name: What it is.
        imports: Import paths, `path(argument=)` for an argument of a callable; those of
            Keras begin with `keras`. Empty where it is absent.
        options: How a variant of a study asks for it: an option, or `option = name`
            where an option takes names. Empty where it cannot.
        paper: Authors, year, title.
        note: Why it, or a part of it, is absent or no option, in a sentence.
    """

    name: str
    imports: tuple[str, ...]
    options: tuple[str, ...]
    paper: str
    note: str = ""

    @property
    def line(self) -> str:
        """Name, place and option, or why there is none, on one line."""
        place = ", ".join(self.imports) or "absent"
        if self.options:
            return f"{self.name}: {place}; option {', '.join(self.options)}"
        return f"{self.name}: {place}. {self.note}"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON, and whose it is."""
        by_keras = bool(self.imports) and all(
            path.startswith("keras.") for path in self.imports
        )
        origin = "keras" if by_keras else "polytask" if self.imports else "absent"
        return {**asdict(self), "origin": origin}


def inventory() -> dict[str, Technique]:
    """Return identifier → technique, in the order of the catalogue.

    Example:
        >>> inventory()["C1"].options
        ('dropout_input', 'dropout_trunk', 'dropout_tower')
    """
    text = files("polytask_options").joinpath("inventory.toml").read_text("utf-8")
    return {
        identifier: Technique(
            name=entry["name"],
            imports=tuple(entry["import"]),
            options=tuple(entry["option"]),
            paper=entry["paper"],
            note=entry.get("note", ""),
        )
        for identifier, entry in tomllib.loads(text).items()
    }
