"""The techniques of the page: what techniques.toml says, and what their classes say."""

import inspect
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polytask import layers, regularizers

FILE = Path(__file__).parent / "techniques.toml"


@dataclass(frozen=True)
class Technique:
    """One technique.

    Args:
        name: As `polytask list` prints it.
        title: As the page prints it.
        formula: One line.
        source: The paper.
        use: One line of code.
        when: When to use it.
        settings: Options of a variant; `"*"` stands for the strength.
        grid: The strengths that validation data choose from.
        linear: `task_structure` of `polytask.linear`, or None.
    """

    name: str
    title: str
    formula: str
    source: str
    use: str
    when: str
    settings: dict[str, Any] | None = None
    grid: tuple[float, ...] = (1.0,)
    linear: Any = field(default=None)

    def at(self, strength: float) -> dict[str, Any]:
        """Return the options of the variant with this strength."""
        filled: dict[str, Any] = _fill(self.settings, strength)
        return filled


def techniques() -> list[Technique]:
    """Return all techniques, in the order of the page."""
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))["technique"]
    return [_technique(entry) for entry in entries]


def _technique(entry: dict[str, Any]) -> Technique:
    known = {"title": entry["name"], "formula": "", "source": ""}
    if "formula" not in entry:
        cls = _class(entry["name"])
        text = inspect.getdoc(cls) or ""
        source = text.split("Source:\n", 1)[1].split("\n\n", 1)[0]
        known = {
            "title": cls.__name__,
            "formula": text.split("\n", 1)[0],
            "source": " ".join(source.split()),
        }
    return Technique(**{**known, **entry, "grid": tuple(entry.get("grid", (1.0,)))})


def _class(name: str) -> type:
    """Return the class of a name such as `"group_lasso"`."""
    for family in (regularizers, layers):
        for member, value in vars(family).items():
            if member.lower() == name.replace("_", ""):
                return value
    raise KeyError(f"no regularizer or layer is called {name}")


def _fill(value: Any, strength: float) -> Any:
    if isinstance(value, dict):
        return {key: _fill(inner, strength) for key, inner in value.items()}
    if isinstance(value, str) and value.endswith("*"):
        factor = {"": 1.0, "-": -1.0}.get(value[:-1]) or float(value[:-1])
        # 500.0 is no count of weights.
        return strength if factor == 1.0 else factor * strength
    return value
