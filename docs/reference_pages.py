"""The pages of the reference, from the declarations that they describe."""

import importlib
import inspect
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import polytask_cli
from polytask_options import (
    Baselines,
    Budget,
    DataSource,
    Draws,
    Network,
    Repeats,
    Search,
    Settings,
    options,
)

# The public rooms, in the order in which a reader meets them.
NAMESPACES = (
    "polytask",
    "polytask.regularizers",
    "polytask.balancing",
    "polytask.layers",
    "polytask.losses",
    "polytask.callbacks",
    "polytask.optimizers",
    "polytask.training",
    "polytask.linear",
    "polytask.meta",
    "polytask.lab.tables",
    "polytask.lab.metrics",
    "polytask.lab.studies",
    "polytask.lab.reports",
    "polytask.testing",
)
# Key of a study file → what it can hold.
SECTIONS = {
    "[variants.NAME]": Settings,
    "[network]": Network,
    "[budget]": Budget,
    "[budget], how often": Repeats,
    "[tuning]": Draws,
    "[data]": DataSource,
    "[baselines]": Baselines,
    "[search], how": Search,
}


def write(folder: Path) -> None:
    """Write the generated pages into a folder, each where it has changed."""
    pages = {"command.md": command(), "study_file.md": study_file()}
    for namespace in NAMESPACES:
        pages[f"{namespace}.rst"] = api(importlib.import_module(namespace))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        file = folder / name
        # Sphinx reads only what is newer than what it has built.
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")


def api(module: ModuleType) -> str:
    """Return a page with a summary and a page of its own for each public name."""
    name, text = module.__name__, inspect.getdoc(module) or ""
    entries = "\n".join(f"   {one}" for one in public_names(module))
    return (
        f"{name}\n{'=' * len(name)}\n\n{text}\n\n.. currentmodule:: {name}\n\n"
        f".. autosummary::\n   :toctree: api\n   :nosignatures:\n\n{entries}\n"
    )


def public_names(module: ModuleType) -> list[str]:
    """Return the classes and functions that a package hands on under its name."""
    # What is imported when first used is in `dir` alone; what a package needs for
    # itself is not in its `__all__`.
    names = getattr(module, "__all__", dir(module))
    public = {n: getattr(module, n) for n in names if not n.startswith("_")}
    return sorted(
        name
        for name, value in public.items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__.startswith("polytask")
        and not value.__module__.startswith("polytask._")
    )


def command() -> str:
    """Return the page on the command, from its parser."""
    parts = ["# The command", ""]
    for verb, parser in sorted(_verbs().items()):
        parser.prog = f"polytask {verb}"
        parts += [f"## {verb}", "", "```text", parser.format_help().rstrip(), "```", ""]
    return "\n".join(parts)


def study_file() -> str:
    """Return the page on study files, from the declared options."""
    parts = [
        "# The study file",
        "",
        "Every key, its default and what it accepts. `polytask init` writes a file to",
        "start from; `polytask fit` has a flag for nearly all of them.",
        "",
    ]
    for section, declared in SECTIONS.items():
        parts += [
            f"## `{section}`",
            "",
            "| key | default | accepts | what it does |",
            "|---|---|---|---|",
            *_rows(declared),
            "",
        ]
    return "\n".join(parts)


def _verbs() -> dict[str, Any]:
    top = polytask_cli.parser()
    return next(dict(action.choices) for action in top._actions if action.choices)


def _rows(declared: Any) -> Iterator[str]:
    defaults = {field.name: field.default for field in fields(declared)}
    for name, option in options(declared).items():
        cells = [
            f"`{name}`",
            f"`{defaults[name]!r}`",
            option.kind.accepted,
            option.help,
        ]
        # A bar would end the cell.
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
