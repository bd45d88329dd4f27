"""The techniques of the page: what techniques.toml says, and what their classes say."""

import inspect
import tomllib
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import polytask
from polytask import layers, regularizers

FILE = Path(__file__).parent / "techniques.toml"


@dataclass(frozen=True)
class Technique:
    """One technique.

    Args:
        name: Of its arm in RegMTL.
        group: Under which the page has it.
        title: As the page prints it.
        formula: One line.
        source: The paper.
        use: One line of code.
        when: When to use it.
        not_with: What it does not go with.
        linear: `task_structure` of `polytask.linear`, or None.
    """

    name: str
    group: str
    title: str
    formula: str
    source: str
    use: str
    when: str
    not_with: str = ""
    linear: Any = None


def techniques() -> list[Technique]:
    """Return all techniques, in the order of the page."""
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))["technique"]
    return [_technique(entry) for entry in entries]


def _technique(entry: dict[str, Any]) -> Technique:
    own = {key: value for key, value in entry.items() if key != "of"}
    if {"title", "formula", "source"} <= set(own):
        return Technique(**own)
    cls = _class(entry.get("of", ""), entry["name"])
    text = inspect.getdoc(cls) or ""
    source = text.split("Source:\n", 1)[1].split("\n\n", 1)[0]
    said = {
        "title": cls.__name__,
        "formula": text.split("\n", 1)[0],
        "source": " ".join(source.split()),
    }
    return Technique(**{**said, **own})


def _class(path: str, name: str) -> type:
    """Return the class at a path, or else that of a name such as `"group_lasso"`."""
    if path:
        cls: type = attrgetter(path)(polytask)
        return cls
    for family in (regularizers, layers):
        for member, value in vars(family).items():
            if member.lower() == name.replace("_", ""):
                found: type = value
                return found
    raise KeyError(f"no regularizer or layer is called {name}")
